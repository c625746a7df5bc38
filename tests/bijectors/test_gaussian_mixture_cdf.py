"""The mixture of Gaussians: its density, its inverse, far out as well."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import GaussianMixtureCDF

NAMES = ("logits", "means", "log_scales")


def make(std=1.0, dtype="float64", size=2, num_components=4, seed=0):
    rng = np.random.default_rng(seed)
    shape = [size, num_components]
    params = {name: rng.normal(scale=std, size=shape) for name in NAMES}
    return GaussianMixtureCDF(**{k: v.astype(dtype) for k, v in params.items()})


def mixture_of(bijector):
    """The same by TFP, from the formulas of the docstring."""
    params = {name: getattr(bijector, name).numpy() for name in NAMES}
    count = params["means"].shape[-1]
    places = np.linspace(-0.35, 0.35, count) if count > 1 else np.zeros(1)
    scales = np.sqrt(1 - places.var()) * np.exp(5 * np.tanh(params["log_scales"] / 5))
    return tfd.MixtureSameFamily(
        tfd.Categorical(logits=params["logits"]),
        tfd.Normal(params["means"] + places, scales),
    )


def flow_of(bijector):
    base = tfd.Normal(tf.zeros([], bijector.dtype), 1.0)
    return tfd.TransformedDistribution(base, bijector)


@pytest.mark.parametrize("num_components", [1, 4])
def test_density(num_components):
    bijector = make(num_components=num_components)
    mixture = mixture_of(bijector)
    y = np.random.default_rng(1).normal(scale=3.0, size=[500, 2])
    np.testing.assert_allclose(
        flow_of(bijector).log_prob(y), mixture.log_prob(y), rtol=1e-10, atol=1e-10
    )
    # And the map itself, where the distribution function is not yet 0 or 1.
    np.testing.assert_allclose(
        tfd.Normal(tf.zeros([], tf.float64), 1.0).cdf(bijector.inverse(y)),
        mixture.cdf(y),
        atol=1e-12,
    )


def test_density_far_out():
    """Up to 1,000 standard deviations, where TFP's logarithms are exact still."""
    bijector = make(std=0.3)
    y = np.array([[-1000.0, 300.0], [-30.0, 1000.0]])
    expected = mixture_of(bijector).log_prob(y)
    found = flow_of(bijector).log_prob(tf.constant(y))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.all(expected < -100)


def test_density_between_two_peaks():
    """The mass is all elsewhere: z is near 0 over a wide gap."""
    bijector = GaussianMixtureCDF(
        np.zeros([1, 2]), [[-1000.0, 1000.0]], np.zeros([1, 2])
    )
    y = np.array([[-900.0], [0.0], [100.0]])
    expected = mixture_of(bijector).log_prob(y)
    found = flow_of(bijector).log_prob(tf.constant(y, tf.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("std", [0.0, 1.0, 5.0])
def test_round_trip(dtype, std):
    """Points up to 1e4, and scales within a factor of e⁵ of each other."""
    bijector = make(std=std, dtype=dtype)
    rng = np.random.default_rng(1)
    for size in (1.0, 30.0, 1e4):
        z = tf.constant(rng.normal(scale=size, size=[200, 2]), dtype)
        y = bijector.forward(z)
        back = bijector.inverse(tf.identity(y))
        # A rounding of y, and one of a probability near ½ …
        slope = np.exp(-bijector.forward_log_det_jacobian(tf.identity(z)))
        eps = np.finfo(dtype).eps
        # … to the tail's logarithm, whose slope by z is at least √(2/π).
        tolerance = 16 * eps * (1 + np.abs(z) + slope * np.abs(y))
        assert np.all(np.abs(back - z) <= tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_finite_values_and_gradients(dtype, size):
    rng = np.random.default_rng(1)
    for std in (1.0, 20.0):
        bijector = make(std=std, dtype=dtype)
        x = tf.constant(rng.normal(scale=size, size=[100, 2]), dtype)
        params = [getattr(bijector, name) for name in NAMES]
        with tf.GradientTape() as tape:
            tape.watch([x, *params])
            outputs = [
                bijector.forward(x),
                bijector.inverse(x),
                bijector.forward_log_det_jacobian(tf.identity(x)),
                bijector.inverse_log_det_jacobian(tf.identity(x)),
            ]
            total = tf.add_n([tf.reduce_sum(output) for output in outputs])
        for value in [*outputs, *tape.gradient(total, [x, *params])]:
            assert np.all(np.isfinite(value))


@pytest.mark.parametrize("size", [1.0, 100.0])
def test_gradients_are_differences(size):
    rng = np.random.default_rng(2)
    y = tf.constant(rng.normal(scale=size, size=[30, 2]))
    weights = tf.constant(rng.normal(size=[4, 30, 2]))

    def total(params, y):
        bijector = GaussianMixtureCDF(**dict(zip(NAMES, params, strict=True)))
        outputs = [
            bijector.forward(y),
            bijector.inverse(y),
            bijector.forward_log_det_jacobian(tf.identity(y)),
            bijector.inverse_log_det_jacobian(tf.identity(y)),
        ]
        return tf.reduce_sum(weights * tf.stack(outputs))

    start = [getattr(make(), name) for name in NAMES]
    with tf.GradientTape() as tape:
        tape.watch([start, y])
        value = total(start, y)
    *gradients, by_y = tape.gradient(value, [*start, y])
    moves = [rng.normal(size=p.shape) for p in start]
    for index, (move, gradient) in enumerate(zip(moves, gradients, strict=True)):
        ends = []
        for sign in (1, -1):
            params = list(start)
            params[index] = params[index] + sign * 1e-5 * move
            ends.append(total(params, y))
        difference = (ends[0] - ends[1]) / 2e-5
        expected = tf.reduce_sum(move * gradient)
        np.testing.assert_allclose(difference, expected, rtol=1e-6)
    move = rng.normal(size=y.shape)
    difference = (total(start, y + 1e-5 * move) - total(start, y - 1e-5 * move)) / 2e-5
    np.testing.assert_allclose(difference, tf.reduce_sum(move * by_y), rtol=1e-6)


def test_the_gradient_at_the_median():
    """There both tails are ½, and which of them is taken is a matter of rounding."""
    bijector = GaussianMixtureCDF(*(np.zeros([5, 4], "float32") for _ in NAMES))
    y = tf.constant(np.array([0.0, 1e-9, -1e-9, 1e-7, -1e-7]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(y)
        z = bijector.inverse(y)
    slope = tape.gradient(z, y)
    log_slope = bijector.inverse_log_det_jacobian(tf.identity(y))
    np.testing.assert_allclose(slope, np.exp(log_slope), rtol=1e-5)
    np.testing.assert_allclose(slope, np.full(5, slope[0]), rtol=1e-5)


@pytest.mark.parametrize("num_components", [1, 2, 8])
def test_zeros_are_nearly_the_identity_and_can_learn(num_components):
    bijector = GaussianMixtureCDF.trainable(
        2, num_components=num_components, dtype="float64"
    )
    z = tf.constant(np.random.default_rng(0).normal(size=[500, 2]))
    bulk = np.abs(z) < 1.5
    np.testing.assert_allclose(bijector.forward(z)[bulk], z[bulk], atol=0.1)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(flow_of(bijector).log_prob(z**3))
    if num_components == 1:
        return
    # Components with the same gradient would stay the same for ever.
    for gradient in tape.gradient(loss, bijector.trainable_variables):
        gaps = np.diff(np.sort(gradient, axis=-1), axis=-1)
        assert np.all(gaps > 1e-6)


def test_spec():
    spec = GaussianMixtureCDF.spec(num_components=5)
    assert spec.num_params == 15
    x = tf.constant([[0.5, -2.0]])
    np.testing.assert_allclose(spec(tf.zeros([2, 15])).forward(x), x, atol=0.1)


@pytest.mark.parametrize("shapes", [([2, 3], [2, 4], [2, 3]), ([2, 0], [2, 0], [2, 0])])
def test_bad_numbers_of_components(shapes):
    with pytest.raises(ValueError, match=r"must be the same.*log_scales"):
        GaussianMixtureCDF(*(np.zeros(shape) for shape in shapes))
