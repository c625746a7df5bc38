"""TFP alone, as its own documentation shows it, in one graph."""

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from benchmarks.cases import LEARNING_RATE, NOISE, SPLINE_BOUND, Case
from benchmarks.frameworks import Subject
from benchmarks.frameworks.tfp_glow import glow


def make(case: Case, jit_compile: bool = False) -> Subject:
    """The operations of a case, with or without XLA."""
    if case.structure == "image":
        flow, variables = glow(case)
    else:
        networks = [_network(case) for _ in range(case.num_layers)]
        variables = [v for network in networks for v in network.trainable_variables]
        flow = _flow(case, networks)
    _add_noise(variables)

    def round_trip() -> float:
        x = tf.constant(case.rows(case.batch))
        # The identity, or TFP's cache would return x without computing anything.
        z = tf.identity(flow.bijector.inverse(x))
        return float(tf.reduce_max(tf.abs(flow.bijector.forward(z) - x)))

    num_parameters = sum(int(np.prod(v.shape)) for v in variables)
    operations = _operations(case, flow, variables, jit_compile)
    return Subject(num_parameters, operations, round_trip)


def _network(case: Case):
    if case.structure == "autoregressive":
        network = tfb.AutoregressiveNetwork(
            params=case.params_per_dimension,
            event_shape=[case.event_size],
            hidden_units=list(case.hidden_units),
            activation="relu",
        )
        network.build([None, case.event_size])
        return network
    *hidden, last = case.network_sizes[1:]
    layers = [tf_keras.layers.Dense(units, "relu") for units in hidden]
    network = tf_keras.Sequential([*layers, tf_keras.layers.Dense(last)])
    network.build([None, case.network_sizes[0]])
    return network


def _flow(case: Case, networks) -> tfd.TransformedDistribution:
    reverse = list(reversed(range(case.event_size)))
    bijectors = []
    for network in networks:
        bijectors += [_layer(case, network), tfb.Permute(reverse)]
    base = tfd.MultivariateNormalDiag(tf.zeros(case.event_size))
    return tfd.TransformedDistribution(base, tfb.Chain(bijectors[:-1]))


def _layer(case: Case, network) -> tfb.Bijector:
    transformer = _affine if case.transformer == "affine" else _spline
    if case.structure == "autoregressive":
        return tfb.MaskedAutoregressiveFlow(
            bijector_fn=lambda x: transformer(network(x))
        )

    def bijector_fn(kept, num_changed):
        params = network(kept)
        shape = [-1, num_changed, case.params_per_dimension]
        return transformer(tf.reshape(params, shape))

    return tfb.RealNVP(num_masked=case.network_sizes[0], bijector_fn=bijector_fn)


def _affine(params) -> tfb.Bijector:
    shift, log_scale = tf.unstack(params, axis=-1)
    return tfb.Chain([tfb.Shift(shift), tfb.Scale(log_scale=log_scale)])


def _spline(params) -> tfb.Bijector:
    num_bins = (params.shape[-1] + 1) // 3
    widths, heights, slopes = tf.split(params, [num_bins, num_bins, -1], axis=-1)
    return tfb.RationalQuadraticSpline(
        _bin_sizes(widths),
        _bin_sizes(heights),
        tf.math.softplus(slopes) + 1e-3,
        range_min=-SPLINE_BOUND,
    )


def _bin_sizes(logits):
    smallest = 1e-2
    rest = 2 * SPLINE_BOUND - smallest * logits.shape[-1]
    return tf.nn.softmax(logits) * rest + smallest


def _add_noise(variables) -> None:
    rng = np.random.default_rng(0)
    for variable in variables:
        variable.assign_add(rng.normal(scale=NOISE, size=variable.shape))
        if variable.constraint is not None:  # The mask of a MADE.
            variable.assign(variable.constraint(variable))


def _operations(case: Case, flow, variables, jit_compile: bool) -> dict:
    batch = tf.constant(case.rows(case.train_batch))
    x = tf.constant(case.rows(case.batch))
    # It takes tf.Variables, too, and keeps the masks of a MADE, their constraints.
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build(variables)

    @tf.function(jit_compile=jit_compile)
    def step(batch):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.log_prob(batch))
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    log_prob = tf.function(flow.log_prob, jit_compile=jit_compile)

    @tf.function(jit_compile=jit_compile)
    def sample():
        # An integer: XLA draws ten times as slowly from a seed that is a tensor.
        return flow.sample(case.batch, seed=0)

    return {
        "train": lambda: step(batch).numpy(),
        "log_prob": lambda: log_prob(x).numpy(),
        "sample": lambda: sample().numpy(),
    }
