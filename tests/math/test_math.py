import random

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.math import newton_polish, permute, safe_norm, split_seed


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_safe_norm(scale):
    x = np.array([[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]], "float32") * np.float32(scale)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        norm = safe_norm(x)
    np.testing.assert_allclose(norm, np.array([5.0, 2.0, 0.0]) * scale, rtol=1e-6)
    unit = [[0.6, 0.8], [0.0, -1.0], [0.0, 0.0]]
    np.testing.assert_allclose(tape.gradient(norm, x), unit, rtol=1e-6)


def test_safe_norm_against_numpy():
    x = np.random.default_rng(0).normal(size=[5, 4, 3])
    expected = np.linalg.norm(x, axis=-1)
    np.testing.assert_allclose(safe_norm(tf.constant(x)), expected, rtol=1e-14)


@pytest.mark.parametrize("permutation", [[0, 1, 2, 3], [2, 0, 3, 1], [3, 2, 1, 0]])
def test_permute_and_its_derivatives(permutation):
    x = tf.constant(np.random.default_rng(0).normal(size=[5, 4]))
    weights = tf.constant(np.random.default_rng(1).normal(size=[5, 4]))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = permute(x, permutation)
            value = tf.reduce_sum(weights * y**3)
        gradient = inner.gradient(value, x)
    np.testing.assert_array_equal(y, x.numpy()[:, permutation])
    order = np.argsort(permutation)
    w = weights.numpy()[:, order]
    np.testing.assert_allclose(gradient, 3 * w * x.numpy() ** 2)
    np.testing.assert_allclose(outer.gradient(gradient, x), 6 * w * x.numpy())


def test_newton_polish_has_two_derivatives_of_the_root():
    """The root of t³ = a is a^(1/3)."""
    a = tf.constant(2.0, tf.float64)
    rough = tf.constant(np.cbrt(2.0) + 1e-5, tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(a)
        with tf.GradientTape() as inner:
            inner.watch(a)
            root = newton_polish(lambda t: (t**3 - a, 3 * t**2), rough)
        slope = inner.gradient(root, a)
    curvature = outer.gradient(slope, a)
    assert float(root) == pytest.approx(2 ** (1 / 3), rel=1e-15)
    assert float(slope) == pytest.approx(2 ** (-2 / 3) / 3, rel=1e-8)
    assert float(curvature) == pytest.approx(-2 * 2 ** (-5 / 3) / 9, rel=1e-4)


def test_split_seed():
    assert split_seed(3, 4) == split_seed(3, 4)
    assert split_seed(3, 4)[:2] == split_seed(3, 2)
    seeds = [s for seed in range(20) for s in split_seed(seed, 20)]
    assert len(set(seeds)) == 400
    assert all(0 <= s < 2**31 for s in seeds)


def test_split_seed_without_a_seed_follows_python():
    random.seed(5)
    first = split_seed(None, 2)
    assert first != split_seed(None, 2)
    random.seed(5)
    assert split_seed(None, 2) == first
