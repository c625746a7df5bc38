"""The standard normal against TFP's own."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.distributions import StandardNormal

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@DTYPES
def test_against_tfp(dtype):
    mine = StandardNormal(3, dtype)
    theirs = tfd.MultivariateNormalDiag(tf.zeros(3, dtype))
    x = np.random.default_rng(0).normal(scale=3.0, size=[4, 5, 3]).astype(dtype)
    assert mine.dtype == theirs.dtype
    assert mine.event_shape == theirs.event_shape
    assert mine.batch_shape == theirs.batch_shape
    np.testing.assert_array_equal(mine.event_shape_tensor(), [3])
    np.testing.assert_array_equal(mine.batch_shape_tensor(), [])
    for name in ("mean", "mode", "variance", "stddev", "covariance", "entropy"):
        found, expected = getattr(mine, name)(), getattr(theirs, name)()
        assert found.dtype == dtype, name
        np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=name)
    for name in ("log_prob", "prob"):
        found, expected = getattr(mine, name)(x), getattr(theirs, name)(x)
        assert found.dtype == dtype, name
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=name)
    np.testing.assert_array_equal(
        mine.experimental_default_event_space_bijector()(x), x
    )


@DTYPES
def test_moments_of_samples(dtype):
    """Means of z, z², z³, z⁴ and of products, each within 5 standard errors."""
    z = StandardNormal(3, dtype).sample(100_000, seed=[0, 1]).numpy()
    assert z.dtype == dtype and z.shape == (100_000, 3)
    quantities = {0.0: [z, z**3, z[:, :1] * z[:, 1:]], 1.0: [z**2], 3.0: [z**4]}
    for expected, values in quantities.items():
        for value in values:
            error = value.std(axis=0) / np.sqrt(len(z))
            assert np.all(np.abs(value.mean(axis=0) - expected) < 5 * error)


@DTYPES
def test_one_seed_gives_the_same_in_all_modes(dtype):
    normal = StandardNormal(3, dtype)

    def sample():
        return normal.sample([4, 2], seed=[3, 4])

    eager = sample()
    assert eager.shape == [4, 2, 3]
    tolerance = 8 * np.finfo(dtype).eps
    for jit_compile in (False, True):
        found = tf.function(sample, jit_compile=jit_compile)()
        np.testing.assert_allclose(found, eager, rtol=tolerance, atol=tolerance)


def test_seeds():
    normal = StandardNormal(2)
    a, same, other = (normal.sample(5, seed=s) for s in ([0, 1], [0, 1], [0, 2]))
    np.testing.assert_array_equal(a, same)
    assert np.all(a != other)
    tf.random.set_seed(0)
    first, second = normal.sample(5), normal.sample(5)
    assert np.all(first != second)


def test_copy():
    normal = StandardNormal(2, name="base")
    wider = normal.copy(event_size=4, dtype="float64")
    assert wider.event_shape == [4] and wider.dtype == tf.float64
    assert wider.name == normal.copy().name == "base"


def test_within_other_distributions():
    flow = tfd.TransformedDistribution(StandardNormal(2), tfb.Scale([1.0, 2.0]))
    same = tfd.MultivariateNormalDiag(scale_diag=[1.0, 2.0])
    x = tf.constant([[1.0, -3.0]])
    np.testing.assert_allclose(flow.log_prob(x), same.log_prob(x), rtol=1e-6)
    assert tfd.Sample(StandardNormal(2), 3).sample(5).shape == [5, 3, 2]
    batch = tfd.BatchBroadcast(StandardNormal(2), [4])
    assert batch.log_prob(tf.zeros([4, 2])).shape == [4]


def test_it_has_nothing_to_train():
    assert not StandardNormal(2).variables


@pytest.mark.parametrize(
    "event_size, error",
    [
        (0, ValueError),
        (-1, ValueError),
        ("2", TypeError),
        (2.0, TypeError),
        (True, TypeError),
    ],
)
def test_bad_event_sizes(event_size, error):
    with pytest.raises(error, match=f"'base': event_size must be.*{event_size}"):
        StandardNormal(event_size, name="base")


def test_a_dtype_that_is_not_floating():
    with pytest.raises(TypeError, match=r"StandardNormal.*floating.*int32"):
        StandardNormal(2, "int32")
