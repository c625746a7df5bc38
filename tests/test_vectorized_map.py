"""Gradients through ``tf.vectorized_map`` are those of a plain batch."""

import numpy as np
import pytest
import tensorflow as tf
from small_flows import SMALL_FLOWS, small_flow

from tfp_flows import bijectors, networks
from tfp_flows.math import find_root, implicit_solution, in_vectorized_map
from tfp_flows.math.normal import upper_tail, upper_tail_of_mixture
from tfp_flows.testing import EXAMPLES, FLOW_EXAMPLES


def check(function, points, variables=()):
    """Values and gradients, element by element, against those of the batch."""
    found, expected = (
        _value_and_gradients(f, points, variables)
        for f in (lambda p: tf.vectorized_map(function, p), function)
    )
    scale = max(1.0, *(np.abs(part).max() for part in expected))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * scale)
    assert np.any(found[1] != 0)


def _value_and_gradients(function, points, variables):
    points = tf.identity(points)
    with tf.GradientTape() as tape:
        tape.watch(points)
        value = function(points)
        weights = tf.reshape(tf.range(1.0, 1 + tf.size(value)), tf.shape(value))
        total = tf.reduce_sum(weights * value)
    gradients = tape.gradient(total, [points, *variables])
    return [np.asarray(part) for part in (value, *map(tf.convert_to_tensor, gradients))]


@pytest.mark.parametrize("name", EXAMPLES)
def test_bijectors(name):
    example = EXAMPLES[name]
    bijector = example.make("float32")
    rng = np.random.default_rng(0)
    for variable in bijector.trainable_variables:
        variable.assign_add(rng.normal(scale=0.3, size=variable.shape))
    x = tf.constant(example.x[:2], tf.float32)
    ndims = len(example.event_shape)

    def both_ways(x):
        values = bijector.forward(x), bijector.inverse(x) if name not in _ONE_WAY else x
        shape = tf.shape(x)[: x.shape.rank - ndims]
        log_dets = (bijector.forward_log_det_jacobian(tf.identity(x), ndims),)
        flat = [tf.reshape(v, tf.concat([shape, [-1]], 0)) for v in values]
        spread = [tf.broadcast_to(d, shape)[..., tf.newaxis] for d in log_dets]
        return tf.concat([*flat, *spread], axis=-1)

    check(both_ways, x, bijector.trainable_variables)


# Their images are of another kind than their points.
_ONE_WAY = {"Bound", "MultiScale", "Squeeze"}


@pytest.mark.parametrize("name", SMALL_FLOWS)
def test_flows(name):
    flow, points = small_flow(name)
    check(flow.log_prob, points)


@pytest.mark.parametrize("event_size", [3, 20])
def test_the_sequential_direction_of_a_made(event_size):
    network = networks.MADE(event_size, [24], context_size=1, seed=0)
    layer = bijectors.Autoregressive(network, bijectors.Affine.spec(), context=[0.5])
    for variable in layer.trainable_variables:
        variable.assign_add(0.1 * tf.ones_like(variable))
    points = np.random.default_rng(0).normal(size=[2, event_size])
    check(layer.forward, tf.constant(points, tf.float32), layer.trainable_variables)


def test_what_was_traced_before_has_no_gradient_and_says_so():
    flow, points = small_flow("iaf")
    traced = tf.function(flow.log_prob).get_concrete_function(points[0])
    value = tf.vectorized_map(traced, points)
    np.testing.assert_allclose(value, flow.log_prob(points), rtol=1e-4)
    with (
        pytest.raises(LookupError, match=r"vectorized_map loses the gradient"),
        tf.GradientTape() as tape,
    ):
        tape.watch(points)
        tape.gradient(tf.vectorized_map(traced, points), points)


def test_a_function_that_was_not_traced_before():
    """With SiLU, whose gradient in TensorFlow is a ``tf.custom_gradient``."""
    flow, points = small_flow("iaf", num_layers=1)
    check(tf.function(flow.log_prob), points)
    conditional = FLOW_EXAMPLES["linear"].make(context_size=2)
    for variable in conditional.trainable_variables:
        variable.assign_add(0.3 * tf.ones_like(variable))
    context = tf.constant([[0.5, -1.0]])

    @tf.function
    def log_prob(point):
        return conditional(context).log_prob(point[tf.newaxis])[0]

    check(log_prob, points)


def test_tails_at_zero():
    check(lambda v: upper_tail(v)[0] * upper_tail(v)[1], tf.constant([0.0, 1.0, -1.0]))

    def mixture(v):
        points = tf.stack([v, v + 1.0])
        _, log_tail, log_rate = upper_tail_of_mixture(
            tf.math.log([0.5, 0.5]), points, tf.zeros_like(points), tf.ones_like(v)
        )
        return log_tail * log_rate

    points = tf.constant([0.0, -1.0, 2.0])
    (value, gradient) = _value_and_gradients(
        lambda p: tf.vectorized_map(mixture, p), points, []
    )
    expected = _value_and_gradients(lambda p: tf.map_fn(mixture, p), points, [])
    np.testing.assert_allclose(value, expected[0], rtol=1e-5)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-4)


def test_where_it_is_told():
    seen = []

    def record(x):
        seen.append(in_vectorized_map())
        return x

    tf.function(record)(tf.ones([2]))
    record(tf.ones([2]))
    tf.vectorized_map(record, tf.ones([2]))
    tf.vectorized_map(tf.function(record), tf.ones([3]))
    tf.vectorized_map(
        lambda x: tf.while_loop(lambda y: y < 0.0, lambda y: [record(y)], [x])[0],
        tf.ones([2]),
    )
    record(tf.ones([2]))
    assert seen == [False, False, True, True, True, False]


def test_roots():
    def root(target):
        curve = lambda t: (t + t**3, tf.math.log1p(3.0 * t**2))  # noqa: E731
        return find_root(curve, curve, target, where="test")[0]

    check(root, tf.constant([0.5, -3.0]))


def test_implicit_solutions():
    theta = tf.constant([4.0, 9.0])
    with tf.GradientTape() as outer, tf.GradientTape() as tape:
        outer.watch(theta)
        tape.watch(theta)
        x = tf.sqrt(tf.stop_gradient(theta))
        root = implicit_solution(
            x, x**2 - theta, lambda g: g / (2.0 * x), where="a root"
        )
        gradient = tape.gradient(root, theta)
    np.testing.assert_allclose(root, [2.0, 3.0])
    np.testing.assert_allclose(gradient, [0.25, 1.0 / 6.0], rtol=1e-6)
    with pytest.raises(LookupError, match="a root has no second derivative"):
        outer.gradient(gradient, theta)
