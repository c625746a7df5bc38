import os
import random
import subprocess
import sys

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from benchmarks.memory import reported, reporting
from tfp_flows.math import (
    bin_sizes,
    choose_bin,
    clip_straight_through,
    left_edges,
    newton_polish,
    permute,
    rematerialize,
    safe_norm,
    scan_by_evaluation,
    upper_quantile,
    upper_tail,
)
from tfp_flows.random_state import split_seed


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


@pytest.mark.parametrize("axis", [0, 1, -2])
def test_permute_another_axis(axis):
    x = np.random.default_rng(0).normal(size=[4, 4, 2])
    permutation = [2, 0, 3, 1]
    with tf.GradientTape() as tape:
        variable = tf.constant(x)
        tape.watch(variable)
        y = permute(variable, permutation, axis)
        total = tf.reduce_sum(y * x)
    np.testing.assert_array_equal(y, np.take(x, permutation, axis))
    back = np.take(x, np.argsort(permutation), axis)
    np.testing.assert_array_equal(tape.gradient(total, variable), back)


# Knots.


def test_bin_sizes():
    logits = np.random.default_rng(0).normal(scale=5.0, size=[6, 10])
    sizes = np.stack(bin_sizes(tf.unstack(tf.constant(logits)), 0.05))
    np.testing.assert_allclose(sizes.sum(axis=0), np.ones(10))
    assert np.all(sizes >= 0.05)
    parts = np.exp(logits) / np.exp(logits).sum(axis=0)
    np.testing.assert_allclose(sizes, 0.05 + (1 - 6 * 0.05) * parts)


def test_bin_sizes_of_large_logits():
    """Exponentials that overflow, or all vanish, by themselves."""
    logits = [tf.constant([1000.0, -1000.0]), tf.constant([990.0, -1010.0])]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        sizes = bin_sizes(logits, 0.01)
        first = sizes[0]
    np.testing.assert_allclose(first[0], first[1])
    assert np.all(np.isfinite(tape.gradient(first, logits)))
    np.testing.assert_allclose(sizes[0] + sizes[1], [1.0, 1.0])


def test_choose_bin():
    """Against numpy's search, knots and points outside included."""
    rng = np.random.default_rng(0)
    sizes = rng.dirichlet(np.ones(5), size=20).T
    edges = left_edges(tf.unstack(tf.constant(sizes)))
    np.testing.assert_allclose(
        edges, np.cumsum(np.concatenate([np.zeros([1, 20]), sizes[:-1]]), axis=0)
    )
    table = [tf.fill([20], i) for i in range(5)]
    points = [np.full(20, -0.5), np.full(20, 1.5), rng.uniform(size=20), *edges]
    for t in points:
        (found,) = choose_bin(tf.constant(t), edges, table)
        columns = np.stack(edges).T
        expected = [
            np.searchsorted(column, value, side="right") - 1
            for column, value in zip(columns, np.asarray(t), strict=True)
        ]
        np.testing.assert_array_equal(found, np.maximum(expected, 0))


def test_clip_straight_through():
    x = tf.constant([-1e-7, 0.0, 0.3, 1.0, 1.0 + 1e-7])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = clip_straight_through(x, 0.0, 1.0)
    np.testing.assert_array_equal(y, np.clip(x, 0.0, 1.0))
    np.testing.assert_array_equal(tape.gradient(y, x), np.ones(5))


# One dimension after another.


def linear(matrix):
    """Parameters ``[1, N]`` of a dimension, from those before it."""
    return lambda x, i: tf.linalg.matvec(x, matrix[:, i], transpose_a=True)[tf.newaxis]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_scan_by_evaluation(order, jit_compile):
    """X = z + xA with a strictly triangular A is x = z(1 − A)⁻¹."""
    rng = np.random.default_rng(0)
    place = np.argsort(order)
    a = rng.normal(size=[4, 4]) * (place[:, np.newaxis] < place)
    z = tf.constant(rng.normal(size=[5, 4]))
    weights = rng.normal(size=[5, 4])

    @tf.function(jit_compile=jit_compile)
    def solve_with_gradients(z, a):
        with tf.GradientTape() as tape:
            tape.watch([z, a])
            columns = tf.transpose(z)
            x = scan_by_evaluation(linear(a), lambda p, z_i: z_i + p[0], columns, order)
            x = tf.transpose(x)
            total = tf.reduce_sum(x * weights)
        return x, *tape.gradient(total, [z, a])

    x, by_z, by_a = solve_with_gradients(z, tf.constant(a))
    inverse = np.linalg.inv(np.eye(4) - a)
    np.testing.assert_allclose(x, z.numpy() @ inverse)
    np.testing.assert_allclose(by_z, weights @ inverse.T)
    # Of all entries, those that are 0 as well, as far as they come before.
    expected = (x.numpy().T @ weights @ inverse.T) * (place[:, np.newaxis] < place)
    found = by_a.numpy() * (place[:, np.newaxis] < place)
    np.testing.assert_allclose(found, expected)


# The tail of the standard normal.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_upper_tail(dtype):
    v = np.concatenate([np.linspace(-30, 30, 6001), np.geomspace(30, 1e5, 100)])
    v = v.astype(dtype)
    wide = v.astype("float64")
    log_tail = scipy.stats.norm.logsf(wide)
    log_hazard = np.where(
        wide > 0,
        0.5 * np.log(2 / np.pi)
        - np.log(scipy.special.erfcx(np.maximum(wide, 0) / np.sqrt(2))),
        scipy.stats.norm.logpdf(wide) - log_tail,
    )
    found = upper_tail(tf.constant(v))
    eps = np.finfo(dtype).eps
    # An exponential of up to 72 is undone by the logarithm, but for its rounding.
    for value, expected in zip(found, [log_tail, log_hazard], strict=True):
        np.testing.assert_allclose(value, expected, rtol=20 * eps, atol=150 * eps)


def test_upper_tail_has_two_derivatives():
    v = tf.constant(np.array([-20.0, -1.0, -1e-9, 0.0, 1e-9, 2.0, 11.9, 30.0, 200.0]))
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(v)
        with tf.GradientTape(persistent=True) as inner:
            inner.watch(v)
            log_tail, log_hazard = upper_tail(v)
        by_tail, by_hazard = inner.gradient(log_tail, v), inner.gradient(log_hazard, v)
    hazard = np.exp(log_hazard)
    np.testing.assert_allclose(by_tail, -hazard)
    step = 1e-5
    for function, slope in [
        (lambda v: upper_tail(v)[1], by_hazard),
        (lambda v: -tf.exp(upper_tail(v)[1]), outer.gradient(by_tail, v)),
    ]:
        difference = (function(v + step) - function(v - step)) / (2 * step)
        np.testing.assert_allclose(slope, difference, rtol=1e-5, atol=1e-8)
    assert np.all(np.isfinite(outer.gradient(by_hazard, v)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_upper_quantile(dtype, jit_compile):
    inverse = tf.function(upper_quantile, jit_compile=jit_compile)
    q = np.concatenate([np.linspace(0, 40, 2001), np.geomspace(40, 1e5, 100)])
    log_tail = tf.constant(scipy.stats.norm.logsf(q), dtype)
    with tf.GradientTape() as tape:
        tape.watch(log_tail)
        found = inverse(log_tail)
    np.testing.assert_allclose(
        found,
        q,
        rtol=1e-14 if dtype == "float64" else 1e-6,
        atol=16 * np.finfo(dtype).eps,
    )
    hazard = np.exp(upper_tail(found)[1])
    np.testing.assert_allclose(tape.gradient(found, log_tail), -1 / hazard, rtol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_rematerialize_has_the_value_and_both_derivatives(jit):
    def function(x, matrix):
        return tf.tanh(tf.matmul(tf.sin(x), matrix))

    def derivatives(function, x, matrix):
        with tf.GradientTape() as outer:
            outer.watch([x, matrix])
            with tf.GradientTape() as inner:
                inner.watch([x, matrix])
                y = function(x, matrix)
                loss = tf.reduce_sum(y**3)
            first = inner.gradient(loss, [x, matrix])
            total = sum(tf.reduce_sum(part**2) for part in first)
        return y, *first, *outer.gradient(total, [x, matrix])

    rng = np.random.default_rng(0)
    x, matrix = (tf.constant(rng.normal(size=size)) for size in ([5, 3], [3, 2]))
    compiled = tf.function(
        lambda *arguments: derivatives(rematerialize(function), *arguments),
        jit_compile=jit,
    )
    for found, expected in zip(
        compiled(x, matrix), derivatives(function, x, matrix), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("jit", [False, True])
def test_rematerialize_keeps_a_row_that_is_not_finite_to_itself(jit):
    @tf.function(jit_compile=jit)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = rematerialize(lambda x: tf.nn.relu(x) ** 2)(x)
            loss = tf.reduce_sum(tf.where(x > 3.0, np.nan, 1.0) * y)
        return tape.gradient(loss, x)

    found = gradient(tf.constant([4.0, 1.0, 2.0]))
    np.testing.assert_array_equal(found, [np.nan, 2.0, 4.0])


MEMORY = """
import tensorflow as tf
from tfp_flows.math import rematerialize

def compiled(wrap):
    layer = wrap(lambda x, matrix: tf.matmul(tf.nn.relu(x), matrix))

    @tf.function(jit_compile=True)
    def gradient(x, matrices):
        with tf.GradientTape() as tape:
            tape.watch(matrices)
            for matrix in matrices:
                x = layer(x, matrix)
            loss = tf.reduce_sum(x)
        return tape.gradient(loss, matrices)

    gradient(tf.zeros([4096, 32]), [tf.zeros([32, 32])] * 12)

compiled({})
"""


def test_rematerialize_halves_what_xla_keeps(tmp_path):
    def memory(name: str, wrap: str) -> int:
        folder = tmp_path / name
        environment = os.environ | reporting(folder)
        script = MEMORY.format(wrap)
        subprocess.run([sys.executable, "-c", script], check=True, env=environment)
        return reported(folder)

    kept = memory("kept", "(lambda layer: layer)")
    assert memory("rematerialize", "rematerialize") < 0.7 * kept


@pytest.mark.parametrize("jit", [False, True])
def test_rematerialize_of_no_rows(jit):
    # As a replica has them that is left over from the last batch.
    @tf.function(jit_compile=jit)
    def gradients(x, matrix):
        with tf.GradientTape() as tape:
            tape.watch([x, matrix])
            y = rematerialize(lambda x, matrix: tf.matmul(tf.sin(x), matrix))(x, matrix)
        return tape.gradient(y, [x, matrix])

    of_x, of_matrix = gradients(tf.zeros([0, 3]), tf.ones([3, 2]))
    assert of_x.shape == [0, 3]
    np.testing.assert_array_equal(of_matrix, np.zeros([3, 2]))
