"""What every two-dimensional density promises."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import datasets
from tfp_flows.datasets.base import midpoints

# Class -> entropy in nats: the figures that the project is held to.
ENTROPIES = {
    datasets.TwoMoons: 1.008,
    datasets.EightGaussians: 2.8319,
    datasets.GaussianGrid: 2.8379,
    datasets.TwoSpirals: 2.645,
    datasets.Rings: 2.623,
    datasets.Circles: 3.268,
    datasets.SwissRoll: 2.670,
    datasets.Checkerboard: 3.4657,
    datasets.CorrelatedGaussian: 3.0439,
    datasets.U1: 2.6600,
    datasets.U2: 2.5821,
    datasets.U3: 2.6267,
    datasets.U4: 2.7662,
}
CURVES = (
    datasets.TwoMoons,
    datasets.TwoSpirals,
    datasets.SwissRoll,
    datasets.Rings,
    datasets.Circles,
)
every_density = pytest.mark.parametrize("cls", ENTROPIES, ids=lambda c: c.__name__)


@functools.cache
def made(cls):
    """One instance of each, so that its integrals are made once."""
    return cls()


@functools.cache
def samples(cls):
    return made(cls).sample(20_000, seed=[0, 1])


def test_every_exported_density_is_tested():
    classes = {getattr(datasets, name) for name in datasets.__all__}
    assert classes - set(ENTROPIES) == {datasets.Potential, datasets.gaussian_nll}


@every_density
def test_entropy(cls):
    np.testing.assert_allclose(made(cls).entropy(), ENTROPIES[cls], atol=1.5e-3)


@every_density
def test_samples_have_the_entropy(cls):
    nll = -made(cls).log_prob(samples(cls)).numpy().astype(np.float64)
    error = max(nll.std() / np.sqrt(len(nll)), 1e-6)
    assert abs(nll.mean() - float(made(cls).entropy())) < 4.0 * error


@every_density
def test_density_integrates_to_one(cls):
    wide = tuple((low - 1.0, high + 1.0) for low, high in made(cls).bounds)
    x, area = midpoints(wide, 0.0625)
    total = area * np.sum(np.exp(made(cls).log_prob(x.astype(np.float32))))
    np.testing.assert_allclose(total, 1.0, atol=2e-3)


@every_density
def test_bounds_hold_the_samples(cls):
    (left, right), (bottom, top) = made(cls).bounds
    x, y = samples(cls).numpy().T
    inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
    assert inside.mean() > 0.999


@every_density
def test_contract_of_a_distribution(cls):
    density = made(cls)
    assert isinstance(density, tfp.distributions.Distribution)
    assert density.event_shape == [2] and density.batch_shape == []
    assert density.name == cls.__name__ and density.dtype == tf.float32
    assert density.sample(seed=0).shape == [2]
    assert density.sample([3, 4], seed=0).shape == [3, 4, 2]
    assert density.log_prob(tf.zeros([3, 4, 2])).shape == [3, 4]
    assert density.log_prob([0.0, 0.0]).shape == []
    twin = density.copy(dtype="float64", name="twin")
    assert type(twin) is cls and twin.dtype == tf.float64 and twin.name == "twin"


@every_density
def test_stateless_seeds_reproduce(cls):
    first, again, other = (
        made(cls).sample(9, seed=s) for s in ([0, 1], [0, 1], [0, 2])
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@every_density
def test_float32_agrees_with_float64(cls):
    x = samples(cls)[:500]
    double = cls(dtype="float64")
    assert double.sample(2, seed=0).dtype == tf.float64
    np.testing.assert_allclose(
        made(cls).log_prob(x), double.log_prob(tf.cast(x, tf.float64)), atol=2e-4
    )


@every_density
@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_a_graph(cls, jit_compile):
    x = samples(cls)[:50]

    @tf.function(jit_compile=jit_compile)
    def run(x):
        return cls().log_prob(x), cls().sample(50, seed=[0, 1])

    log_p, drawn = run(x)
    np.testing.assert_allclose(log_p, made(cls).log_prob(x), atol=1e-4)
    if jit_compile:  # XLA has random numbers of its own
        assert np.all(np.isfinite(made(cls).log_prob(drawn)))
    else:
        np.testing.assert_allclose(drawn, made(cls).sample(50, seed=[0, 1]), atol=1e-5)


@every_density
def test_gradient_is_finite(cls):
    # The origin is where the norm has no slope; 40 is outside every box.
    x = tf.concat([samples(cls)[:50], [[0.0, 0.0], [40.0, 0.0]]], axis=0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        log_p = made(cls).log_prob(x)
    # Without a slope anywhere (a checkerboard) TensorFlow sees no connection at all.
    gradient = tape.gradient(log_p, x, unconnected_gradients="zero")
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("cls", CURVES, ids=lambda c: c.__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_away(cls, dtype):
    far = tf.constant([[30.0, 0.0], [-21.0, 21.0], [0.0, -30.0]], dtype)
    value, gradient = tfp.math.value_and_gradient(cls(dtype=dtype).log_prob, far)
    assert np.all(np.isfinite(value)) and np.all(value < -1000.0)
    assert np.all(np.isfinite(gradient))
    assert np.all(np.sum(gradient * far, axis=-1) < 0.0)  # falls outwards


@every_density
def test_bad_arguments(cls):
    with pytest.raises(
        TypeError, match="dtype must be float32 or float64, but got int32"
    ):
        cls(dtype="int32")
    with pytest.raises(
        ValueError, match=r"must have shape \[..., 2\], but got \(5, 3\)"
    ):
        made(cls).log_prob(tf.zeros([5, 3]))
    with pytest.raises(ValueError, match="x must have shape"):
        made(cls).log_prob(1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be finite"):
        cls(validate_args=True).log_prob([np.nan, 0.0])


@pytest.mark.parametrize("cls", [datasets.Checkerboard, datasets.U1])
def test_support_is_where_the_default_bijector_goes(cls):
    to_square = made(cls).experimental_default_event_space_bijector()
    x = to_square.forward(tf.constant([[-50.0, 0.0], [50.0, 3.0]]))
    assert np.all(np.abs(x) <= 4.0)


def test_a_flow_on_top_has_gradients():
    shift = tf.Variable([1.0, 2.0])
    flow = tfp.bijectors.Shift(shift)(datasets.TwoMoons())
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(flow.sample(5, seed=[0, 1]) ** 2)
    assert np.all(tape.gradient(loss, shift) != 0.0)
