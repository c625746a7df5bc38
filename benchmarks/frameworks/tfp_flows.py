"""This package."""

import functools

import keras
import numpy as np
import tensorflow as tf

import tfp_flows
from benchmarks.cases import FIT_STEPS, LEARNING_RATE, MONOTONE, NOISE, Case
from benchmarks.frameworks import Subject


def make(case: Case) -> Subject:
    """The operations of a case, and those that are measured of this package alone."""
    flow = _flow(case)
    model = tfp_flows.FlowModel(flow)
    _add_noise(model.trainable_variables)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE))
    operations = _operations(case, flow, model)
    operations |= _fits(case, model, operations["train"])
    if case.num_layers == 1:
        operations |= _layer(case, flow)

    def round_trip() -> float:
        x = tf.constant(case.rows(case.batch))
        # The identity, or TFP's cache would return x without computing anything.
        z = tf.identity(flow.bijector.inverse(x))
        return float(tf.reduce_max(tf.abs(flow.bijector.forward(z) - x)))

    num_parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    return Subject(num_parameters, operations, round_trip)


def _flow(case: Case):
    keywords = {
        "num_layers": case.num_layers,
        "hidden_units": case.hidden_units,
        "activation": "relu",
        "seed": 0,
    }
    if case.structure == "image":
        return tfp_flows.flows.glow(
            case.image_shape,
            num_levels=case.num_levels,
            num_steps=case.num_layers // case.num_levels,
            hidden_units=case.hidden_units,
            seed=0,
        )
    if case.transformer == "gaussianization":
        return tfp_flows.flows.gaussianization(
            case.event_size, num_layers=case.num_layers, seed=0
        )
    if case.transformer in MONOTONE:
        make = getattr(tfp_flows.flows, case.transformer)
        return make(case.event_size, **keywords)
    if case.transformer == "spline":
        autoregressive = case.structure == "autoregressive"
        keywords |= {"autoregressive": autoregressive, "num_bins": case.num_bins}
        return tfp_flows.flows.nsf(case.event_size, **keywords)
    if case.structure == "autoregressive":
        return tfp_flows.flows.maf(case.event_size, **keywords)
    return tfp_flows.flows.real_nvp(case.event_size, **keywords)


def _add_noise(variables) -> None:
    rng = np.random.default_rng(0)
    for variable in variables:
        variable.assign_add(rng.normal(scale=NOISE, size=variable.shape))


def _operations(case: Case, flow, model) -> dict:
    batch = tf.constant(case.rows(case.train_batch))
    x = tf.constant(case.rows(case.batch))
    seed = tf.constant([0, 1])
    # What Keras's `fit` compiles and runs for each batch.
    step = tf.function(model.train_step, jit_compile=True, autograph=False)
    log_prob = tf.function(flow.log_prob, jit_compile=True)

    @tf.function(jit_compile=True)
    def sample(seed):
        return flow.sample(case.batch, seed=seed)

    return {
        "train": lambda: step(({"x": batch},))["loss"].numpy(),
        "log_prob": lambda: log_prob(x).numpy(),
        "sample": lambda: sample(seed).numpy(),
    }


def _fits(case: Case, model, step) -> dict:
    short, long = FIT_STEPS

    @functools.cache  # Made when first needed, and not in the time of `fit`.
    def rows(num_steps: int) -> np.ndarray:
        return case.rows(case.train_batch * num_steps)

    def fit(num_steps: int) -> None:
        model.fit(rows(num_steps), batch_size=case.train_batch, verbose=0)

    def steps() -> None:
        for _ in range(long - short):
            step()

    return {
        "fit_short": lambda: fit(short),
        "fit_long": lambda: fit(long),
        "steps": steps,
    }


def _layer(case: Case, flow) -> dict:
    (layer,) = flow.bijector.bijectors
    x = tf.constant(case.rows(case.batch))
    functions = {
        "forward": layer.forward,
        "inverse": layer.inverse,
        "network": lambda x: layer.conditioner(x),
    }

    def compiled(function):
        function = tf.function(function, jit_compile=True)
        return lambda: function(x).numpy()

    return {name: compiled(function) for name, function in functions.items()}
