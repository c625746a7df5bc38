"""Roots of increasing functions."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.math import find_root, gauss_legendre, log_sum_exp, logit_of_mixture


def bell(t):
    """The slope of tanh, without overflow."""
    return 1.0 / tf.cosh(tf.clip_by_value(t, -40, 40)) ** 2


# Values and logarithms of slopes; flat in places, steep in others, far-away roots.
CURVES = {
    "nearly linear": lambda t: (
        0.1 * t + tf.tanh(t),
        tf.math.log(0.1 + bell(t)),
    ),
    "cubic": lambda t: (t + t**3, tf.math.log1p(3 * t**2)),
    "a step": lambda t: (
        1e-3 * t + 50.0 * tf.tanh(1e3 * (t - 3.0)),
        tf.math.log(1e-3 + 5e4 * bell(1e3 * (t - 3.0))),
    ),
    "sinh": lambda t: (tf.sinh(t), tf.math.log(tf.cosh(t))),
    "far away": lambda t: (1e-3 * (t - 1e5), tf.math.log(1e-3 + tf.zeros_like(t))),
}


def root(curve, target, **options):
    return find_root(curve, curve, target, where="test", **options)


@pytest.mark.parametrize("jit_compile", [None, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CURVES)
def test_finds_the_root(name, dtype, jit_compile):
    curve = CURVES[name]
    target = tf.constant([-20.0, -1.0, -1e-3, 0.0, 0.5, 7.0, 49.0, 1e4], dtype)
    find = root if jit_compile is None else tf.function(root, jit_compile=jit_compile)
    t, log_slope = find(curve, target)
    value, expected = curve(t)
    eps = np.finfo(dtype).eps
    rounding = 64 * eps * (1 + np.abs(target) + np.exp(expected) * np.abs(t))
    assert np.all(np.abs(value - target) <= rounding)
    np.testing.assert_allclose(log_slope, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "curve",
    [
        lambda t: (tf.tanh(t), tf.math.log(1.01 - tf.tanh(t) ** 2)),  # Not onto.
        lambda t: (tf.sin(t), tf.math.log(1.01 + tf.cos(t))),  # Not increasing.
    ],
)
def test_says_where_there_is_no_root(curve):
    target = tf.constant([0.5, 3.0])
    with pytest.raises(ValueError, match="did not converge"):
        root(curve, target)
    for jit_compile in (False, True):
        found, _ = tf.function(root, jit_compile=jit_compile)(curve, target)
        assert np.isnan(found[1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="did not converge"):
        tf.function(root)(curve, target, validate_args=True)


@pytest.mark.parametrize("shape", [[], [2]])
def test_says_so_for_any_shape(shape):
    def curve(t):
        return tf.tanh(t) + tf.zeros([3, 1]), tf.math.log(1.01 - tf.tanh(t) ** 2)

    with pytest.raises(ValueError, match=r"First value without a root: 3\.0"):
        root(curve, tf.fill(shape, 3.0))
    found = tf.function(root)(curve, tf.fill(shape, 3.0))
    assert all(np.isnan(part).all() for part in found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_batch_takes_as_many_evaluations_as_its_hardest_element(dtype):
    count = []

    def counted(t):
        count.append(1)
        return t + t**3, tf.math.log1p(3 * t**2)

    target = tf.constant(np.linspace(-30.0, 30.0, 5000), dtype)
    find_root(CURVES["cubic"], counted, target, where="test")
    assert len(count) < 20


def test_what_is_not_finite_stays_so():
    t, _ = root(CURVES["cubic"], tf.constant([np.nan, 1.0]))
    assert np.isnan(t[0]) and np.isfinite(t[1])


def test_quadrature_is_exact_for_polynomials():
    for count in range(1, 6):
        rule = gauss_legendre(count, "test")
        for degree in range(2 * count):
            found = sum(weight * point**degree for point, weight in rule)
            np.testing.assert_allclose(found, 1 / (degree + 1), rtol=1e-12)
    with pytest.raises(ValueError, match="num_points"):
        gauss_legendre(0, "test")


def test_mixtures_of_logistics_by_their_definition():
    rng = np.random.default_rng(0)
    weights, slopes = rng.dirichlet(np.ones(4)), np.exp(rng.normal(size=4))
    offsets = rng.normal(size=4)
    y = tf.constant(rng.normal(size=20))
    with tf.GradientTape() as tape:
        tape.watch(y)
        points = slopes[:, None] * y + offsets[:, None]
        logit, log_slope = logit_of_mixture(
            np.log(weights)[:, None], points, np.log(slopes)[:, None]
        )
    mean = tf.reduce_sum(weights[:, None] * tf.sigmoid(points), axis=0)
    np.testing.assert_allclose(logit, tf.math.log(mean / (1 - mean)), rtol=1e-10)
    np.testing.assert_allclose(
        log_slope, tf.math.log(tape.gradient(logit, y)), rtol=1e-8
    )


def test_log_sum_exp_does_not_overflow():
    found = log_sum_exp(tf.constant([[1e4, -1e4], [1e4, -1e4]]))
    np.testing.assert_allclose(found, np.log(2) + np.array([1e4, -1e4]), rtol=1e-6)
