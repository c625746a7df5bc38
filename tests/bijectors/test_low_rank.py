"""Planar and radial layers: exact in both directions, with hard parameters too."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import Planar, Radial

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
LOG_DET_TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
EVENT_SIZE = 3


def random_planar(rng, dtype):
    shapes = [EVENT_SIZE], [EVENT_SIZE], []
    return Planar(*(rng.normal(size=shape).astype(dtype) for shape in shapes))


def random_radial(rng, dtype):
    center, alpha, beta = (
        rng.normal(size=s).astype(dtype) for s in (EVENT_SIZE, (), ())
    )
    return Radial(center, np.abs(alpha), beta)


def jacobian(bijector, x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        columns = tf.unstack(bijector.forward(x), axis=-1)
    rows = [tape.gradient(column, x).numpy() for column in columns]
    return np.stack(rows, axis=1).astype("float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("draw", [random_planar, random_radial])
def test_layers_drawn_at_random(draw, dtype):
    rng = np.random.default_rng(0)
    for _ in range(20):
        bijector = draw(rng, dtype)
        x = tf.constant(8 * rng.normal(size=[200, EVENT_SIZE]), dtype)
        scale = np.linalg.norm(x, axis=-1)

        there = bijector.forward(tf.identity(bijector.inverse(x)))
        error = np.linalg.norm(there - x, axis=-1)
        assert np.all(error <= TOLERANCE[dtype] * scale)

        back = bijector.inverse(tf.identity(bijector.forward(x)))
        smallest = np.linalg.svd(jacobian(bijector, x), compute_uv=False)[:, -1]
        allowed = 10 * np.finfo(dtype).eps / np.minimum(smallest, 1) * (1 + scale)
        assert np.all(np.linalg.norm(back - x, axis=-1) <= allowed)

        # The Jacobian in float64, or its own rounding is what would be measured.
        parameters = {
            k: tf.cast(v, "float64")
            for k, v in bijector.parameters.items()
            if k not in ("validate_args", "name")
        }
        exact = type(bijector)(**parameters)
        sign, expected = np.linalg.slogdet(jacobian(exact, tf.cast(x, "float64")))
        assert np.all(sign > 0)
        found = bijector.forward_log_det_jacobian(x)
        np.testing.assert_allclose(found, expected, atol=LOG_DET_TOLERANCE[dtype])


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("draw", [random_planar, random_radial])
def test_twenty_layers_stay_finite(draw, direction):
    rng = np.random.default_rng(0)
    layers = [draw(rng, "float32") for _ in range(20)]
    for layer in layers:  # Parameters that are watched, too.
        for name in layer.parameter_properties():
            setattr(layer, name, tf.Variable(getattr(layer, name)))
    chain = tfb.Chain(layers)
    x = tf.constant(8 * rng.normal(size=[100, EVENT_SIZE]), "float32")
    log_det = getattr(chain, f"{direction}_log_det_jacobian")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, ldj = getattr(chain, direction)(x), log_det(x, event_ndims=1)
        total = tf.reduce_sum(y) + tf.reduce_sum(ldj)
    variables = chain.trainable_variables
    assert len(variables) == 60
    for value in (y, ldj, *tape.gradient(total, [x, *variables])):
        assert np.isfinite(value).all()


@pytest.mark.parametrize("w", [0.0, 1.0])
def test_planar_without_u_is_the_identity(w):
    planar = Planar(u=tf.zeros(2), w=tf.fill([2], w), b=0.3)
    x = tf.constant([[1.0, -2.0]])
    np.testing.assert_allclose(planar.forward(x), x, atol=1e-6)
    np.testing.assert_allclose(planar.inverse(x), x, atol=1e-6)


@pytest.mark.parametrize("b", [0.0, 0.7])
def test_planar_at_its_limit(b):
    """wᵀû is nearly −1, so the inverse is nearly a cube root at the plane."""
    planar = Planar(u=np.array([-20.0]), w=np.array([1.0]), b=np.array(b))
    x = tf.constant(np.linspace(-2, 2, 401)[:, np.newaxis] - b)
    y = planar.forward(x)
    np.testing.assert_allclose(
        planar.forward(tf.identity(planar.inverse(y))), y, atol=1e-12
    )
    assert np.all(np.diff(planar.inverse(tf.identity(y))[:, 0]) > 0)


def test_planar_with_long_opposed_parameters():
    """û must not be lost in the rounding of u: the exact image is (x₁/2, −x₁/2)."""
    planar = Planar(u=[-1e4, -1e4], w=[1e4, 1e4], b=0.0)
    y = planar.forward([[1e-6, 0.0]])
    np.testing.assert_allclose(y, [[5e-7, -5e-7]], atol=2e-8)


def test_second_derivatives_of_the_planar_inverse():
    """Against those of `forward`, by differences of its first derivative."""
    planar = Planar(u=np.array([0.8]), w=np.array([1.3]), b=np.array(0.2))

    def slope(y):
        y = tf.constant([[y]], tf.float64)
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(y)
            with tf.GradientTape() as inner:
                inner.watch(y)
                x = planar.inverse(tf.identity(y))
            first = inner.gradient(x, y)
        return float(first[0, 0]), float(outer.gradient(first, y)[0, 0])

    step = 1e-4
    numeric = (slope(0.5 + step)[0] - slope(0.5 - step)[0]) / (2 * step)
    assert slope(0.5)[1] == pytest.approx(numeric, rel=1e-6)


def test_gradients_by_parameters_of_the_planar_inverse():
    rng = np.random.default_rng(0)
    start = [rng.normal(size=s) for s in (2, 2, ())]
    y = tf.constant(rng.normal(size=[5, 2]))

    def total(u, w, b):
        return tf.reduce_sum(tf.sin(Planar(u, w, b).inverse(tf.identity(y))))

    theoretical, numeric = tf.test.compute_gradient(
        total, [tf.constant(v) for v in start]
    )
    for a, b in zip(theoretical, numeric, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_radial_at_its_center():
    radial = Radial(center=[1.0, 2.0], alpha=0.5, beta=1.0)
    x = tf.constant([[1.0, 2.0]])
    np.testing.assert_allclose(radial.forward(x), x)
    np.testing.assert_allclose(radial.inverse(x), x)
    _, expected = np.linalg.slogdet(jacobian(radial, x))
    np.testing.assert_allclose(radial.forward_log_det_jacobian(x), expected, rtol=1e-6)


def test_radial_beyond_the_square_of_a_float():
    radial = Radial(center=[1.0, 2.0], alpha=0.5, beta=1.0)
    x = tf.constant([[1e25, -3e25], [1e-25, 2.0]])
    for value in (
        radial.forward(x),
        radial.inverse(x),
        radial.forward_log_det_jacobian(x),
    ):
        assert np.isfinite(value).all()
    back = radial.inverse(tf.identity(radial.forward(x)))
    np.testing.assert_allclose(back, x, rtol=1e-6, atol=1e-6)
