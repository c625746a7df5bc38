"""Layers of equal structure share a trace, and give what each gives alone."""

import gc
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors, flows
from tfp_flows.bijectors import programs
from tfp_flows.conditioners import MADE, MLP

ROWS = 5
SIZE = 3


def count() -> int:
    """The number of programs so far."""
    return programs._program.cache_info().currsize


def moved(flow, seed=0):
    rng = np.random.default_rng(seed)
    for v in flow.trainable_variables:
        v.assign_add(rng.normal(scale=0.3, size=v.shape))
    return flow


def rows(dtype="float64", num=ROWS):
    return tf.constant(np.random.default_rng(1).normal(size=[num, SIZE]), dtype)


def make(name, dtype="float64", **options):
    options = {"num_layers": 3, "hidden_units": [4], "seed": 0} | options
    return moved(getattr(flows, name)(SIZE, dtype=dtype, **options))


def values_and_gradients(flow, variables, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        log_prob = flow.log_prob(x)
        samples = flow.sample(ROWS, seed=[0, 1])
        total = tf.reduce_sum(log_prob**2) + tf.reduce_sum(samples**2)
    return [log_prob, samples, *tape.gradient(total, [x, *variables])]


def check(function, *arguments, rtol=1e-9):
    """What a function gives by programs, against what it gives without."""
    with programs.inlined():
        expected = function(*arguments)
    found = function(*arguments)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
    assert any(np.any(np.asarray(a) != 0) for a in found)


FLOWS = {
    "real_nvp": {},
    "nsf": {"num_bins": 2},
    "maf": {},
    # A search for roots.
    "coupling": {"transformer": bijectors.GaussianMixtureCDF.spec(num_components=2)},
}


@pytest.mark.parametrize("name", FLOWS)
def test_flows_give_what_they_give_alone(name):
    """Layers with weights of their own, forward and inverse, with gradients."""
    flow = make(name, **FLOWS[name])
    before = count()
    check(values_and_gradients, flow, flow.trainable_variables, rows())
    # Each way, once for all three layers; and once for each order of the dimensions, or
    # for halves of each size.
    assert count() - before <= 4


def test_a_second_flow_adds_no_program():
    x = rows("float32")
    # An inverse autoregressive flow has the layers of a masked one.
    for name in ("maf", "iaf"):
        flow = make(name, "float32")
        before = count()
        values_and_gradients(flow, flow.trainable_variables, x)
    assert count() == before


def test_contexts():
    family = make("maf", context_size=2)
    context = tf.constant(np.random.default_rng(2).normal(size=[ROWS, 2]))

    def evaluate(context):
        with tf.GradientTape() as tape:
            tape.watch(context)
            total = tf.reduce_sum(family(context).log_prob(rows()))
        return tape.gradient(total, [context, *family.trainable_variables])

    before = count()
    check(evaluate, context)
    assert count() > before


@pytest.mark.parametrize("name", ["real_nvp", "maf"])
def test_in_graphs_with_second_derivatives(name):
    """Persistent tapes, a loop, and derivatives of the density's gradient."""
    flow = make(name, num_layers=2)

    def second(x):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                log_prob = flow.log_prob(x)
            score = inner.gradient(log_prob, x)
            total = tf.reduce_sum(score**2)
        return outer.gradient(total, [x, *flow.trainable_variables[:1]])

    check(second, rows())
    check(lambda x: tf.function(second, autograph=False)(x), rows())

    def steps(x):
        body = lambda i, x: (i + 1, flow.bijector.forward(x))  # noqa: E731
        return tf.while_loop(lambda i, x: i < 2, body, [0, x])[1:]

    check(lambda x: tf.function(steps, autograph=False)(x), rows())


def test_converted_by_tensorflow():
    """``vectorized_map``, a Jacobian of a batch, and XLA around it all."""
    flow = make("real_nvp", num_layers=2)
    x = rows()
    check(lambda x: [tf.vectorized_map(flow.log_prob, tf.stack([x, x]))], x)
    check(lambda x: [tf.function(flow.log_prob, jit_compile=True)(x)], x)

    def jacobian(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = flow.bijector.forward(x)
        return [tape.batch_jacobian(y, x)]

    check(jacobian, x)


def test_networks_in_bfloat16():
    flow = make("nsf", "mixed_bfloat16", num_bins=2, num_layers=2)
    check(lambda x: [flow.log_prob(x)], rows("float32"), rtol=0.05)


def test_weights_are_those_of_now():
    flow, x = make("maf"), rows()
    flow.log_prob(x)
    moved(flow, 1)
    check(lambda x: [flow.log_prob(x)], x)


def test_threads():
    """Eight flows at once, each with weights of its own."""
    flows_of = [moved(make("real_nvp"), seed) for seed in range(8)]
    x, found = rows(), {}
    with programs.inlined():
        expected = [flow.log_prob(x) for flow in flows_of]

    def work(i):
        for _ in range(3):
            found[i] = flows_of[i].log_prob(x)

    threads = [threading.Thread(target=work, args=[i]) for i in range(8)]
    for step in ("start", "join"):
        for thread in threads:
            getattr(thread, step)()
    for i, log_prob in enumerate(expected):
        np.testing.assert_allclose(found[i], log_prob, rtol=1e-9)


def test_a_flow_is_freed():
    """All but the one that a program was traced with."""
    x = rows()
    make("real_nvp").log_prob(x)
    flow = moved(make("real_nvp"), 1)
    flow.log_prob(x)
    gone = weakref.ref(flow.bijector.bijectors[0])
    del flow
    gc.collect()
    assert gone() is None


# What shares nothing.


def coupling(network, transformer=None, cls=bijectors.Coupling, **options):
    transformer = transformer or bijectors.Affine.spec()
    return cls(network, transformer, [True, False, False], **options)


def mlp(hidden_units=(4,), **options):
    return MLP(hidden_units, seed=0, **options)


class TwiceMLP(MLP):
    """By what no configuration tells."""

    factor = 2.0

    def call(self, x, context=None):
        return self.factor * super().call(x, context)


class ShiftedCoupling(bijectors.Coupling):
    shift = 1.0

    def _half(self, *arguments):
        image, log_det = super()._half(*arguments)
        return image + self.shift, log_det


ALONE = {
    "a network of the user's": lambda: coupling(TwiceMLP([4], seed=0)),
    "a bijector of the user's": lambda: coupling(mlp(), cls=ShiftedCoupling),
    "an activation of the user's": lambda: coupling(mlp(activation=lambda x: x**2)),
    "a Keras layer": lambda: coupling(keras.layers.Dense(4)),
    "a function": lambda: coupling(lambda x: tf.tile(x, [1, 4])),
    "assertions": lambda: coupling(mlp(), validate_args=True),
    "a transformer of TFP": lambda: coupling(
        mlp(), bijectors.TransformerSpec(tfb.Shift, {"shift": ()})
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_what_is_computed_where_it_is(name):
    layer = ALONE[name]()
    before = count()
    layer.forward(rows("float32"))
    assert count() == before


def test_any_number_of_rows_has_one_program_and_a_graph_none():
    layer, before = moved(coupling(mlp([7]))), count()
    tf.function(layer.forward)(rows("float32"))
    assert count() == before
    for num in (1, 2, 300):
        check(lambda x: [layer.forward(x)], rows("float32", num), rtol=1e-5)
        assert count() == before + 1
    assert layer.forward(rows("float32", 4)[:0]).shape == [0, SIZE]


def test_a_search_tells_what_it_did_not_find():
    """Eagerly it is an error, which a program could not raise."""
    network = MADE(SIZE, [4], seed=0)
    spec = bijectors.MonotonicNetwork.spec().fast("log_prob")
    layer, before = bijectors.Autoregressive(network, spec), count()
    layer.forward(rows("float32"))
    assert count() == before
    layer.inverse(rows("float32"))
    assert count() == before + 1


def test_orders_and_masks_are_told_apart():
    x = rows("float32")
    for order in ([0, 1, 2], [2, 0, 1]):
        network = MADE(SIZE, [4], order=order, seed=0)
        layer = moved(bijectors.Autoregressive(network, bijectors.Affine.spec()))
        check(lambda x, layer=layer: [layer.forward(x)], x, rtol=1e-5)
    for mask in ([True, False, True], [False, True, True], [True, False, False]):
        layer = moved(bijectors.Coupling(mlp(), bijectors.Affine.spec(), mask))
        check(lambda x, layer=layer: [layer.forward(x)], x, rtol=1e-5)
