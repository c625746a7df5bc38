"""Block autoregressive layers: far out, with contexts, under XLA, and mistakes."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors as b
from tfp_flows.networks import MADE, BlockNetwork

TOLERANCE = {"float32": 1e-4, "float64": 1e-8}


def layer(event_size=4, dtype="float64", spread=0.5, hidden_factor=4, **options):
    network = BlockNetwork(event_size, hidden_factor, seed=0, dtype=dtype, **options)
    made = b.BlockAutoregressive(network)
    rng = np.random.default_rng(0)
    for v in made.trainable_variables:
        v.assign_add(rng.normal(scale=spread, size=v.shape))
    return made


def points(*shape, dtype="float64", scale=1.0):
    return tf.constant(scale * np.random.default_rng(1).normal(size=shape), dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("scale", [20.0, 100.0, 1e4])
@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_round_trips_far_out(dtype, scale, spread):
    made = layer(dtype=dtype, spread=spread)
    x = points(100, 4, dtype=dtype, scale=scale)
    for there, back in [(made.forward, made.inverse), (made.inverse, made.forward)]:
        error = np.linalg.norm(back(tf.identity(there(x))) - x, axis=-1)
        assert np.all(error <= TOLERANCE[dtype] * np.linalg.norm(x, axis=-1))


def test_log_determinant():
    made = layer(order=[2, 0, 3, 1])
    y = points(20, 4)
    with tf.GradientTape() as tape:
        tape.watch(y)
        x = made.inverse(tf.identity(y))
    _, expected = np.linalg.slogdet(tape.batch_jacobian(x, y))
    found = made.inverse_log_det_jacobian(tf.identity(y))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(
        made.forward_log_det_jacobian(tf.identity(x)), -expected, atol=1e-9
    )


def test_contexts_are_the_batch():
    made = layer(3, context_size=2)
    context = points(5, 2)
    given = made.copy(context=context)
    assert given.experimental_batch_shape() == [5]
    x = points(3)
    y = given.forward(x)
    assert y.shape == [5, 3]
    # The first dimension too depends on the context.
    assert np.ptp(y, axis=0).min() > 1e-3
    for i in range(5):
        alone = made.copy(context=context[i])
        np.testing.assert_allclose(alone.forward(x), y[i])
        np.testing.assert_allclose(alone.inverse(y[i]), x, atol=1e-9)
    np.testing.assert_allclose(given.inverse(tf.identity(y)), np.tile(x, [5, 1]))
    assert given.inverse_log_det_jacobian(points(7, 1, 3)).shape == [7, 5]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled(jit_compile):
    """Also of many dimensions, and its gradient."""
    made = layer(20, spread=0.2)

    def forward(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = made.forward(x)
            total = tf.reduce_sum(y**2)
        return y, *tape.gradient(total, [x, *made.trainable_variables])

    x = points(7, 20)
    compiled = tf.function(forward, jit_compile=jit_compile)(x)
    for one, other in zip(compiled, forward(x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def test_the_search_is_no_part_of_inverse():
    made = layer(2)

    def has_loop(function):
        graph = tf.function(function).get_concrete_function(points(3, 2)).graph
        return any("While" in op.type for op in graph.get_operations())

    assert has_loop(made.forward)
    assert not has_loop(made.inverse)
    assert not has_loop(made.inverse_log_det_jacobian)


MISTAKES = {
    "a conditioner": (lambda: MADE(3), TypeError, "BlockNetwork.*MADE"),
    "a function": (lambda: tf.identity, TypeError, "must be a networks.Monotone"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    make, error, message = MISTAKES[name]
    with pytest.raises(error, match=f"'block_autoregressive'.*{message}"):
        b.BlockAutoregressive(make())


def test_mistakes_with_contexts_and_sizes():
    with pytest.raises(ValueError, match="takes no context"):
        b.BlockAutoregressive(BlockNetwork(2, 2), context=[1.0])
    with pytest.raises(ValueError, match="takes one of size 2"):
        b.BlockAutoregressive(BlockNetwork(2, 2, context_size=2), context=[1.0])
    with pytest.raises(ValueError, match=r"context of size 2, but got none"):
        layer(3, context_size=2).inverse(points(5, 3))
    with pytest.raises(ValueError, match=r"points of size 4.*\(5, 3\)"):
        layer().forward(points(5, 3))
