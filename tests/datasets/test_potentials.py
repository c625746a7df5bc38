"""The potentials of Rezende & Mohamed, and potentials in general."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tfp_flows import datasets

# ln Z on [-4, 4]^2, in nats.
LOG_NORMALIZERS = {
    datasets.U1: 1.8775,
    datasets.U2: 2.0821,
    datasets.U3: 2.6417,
    datasets.U4: 2.6846,
}
each = pytest.mark.parametrize("cls", LOG_NORMALIZERS, ids=lambda c: c.__name__)


def formula(cls, z):
    """The potentials as the paper prints them."""
    z1, z2 = z.T
    w1 = np.sin(2 * np.pi * z1 / 4)
    w2 = 3 * np.exp(-0.5 * ((z1 - 1) / 0.6) ** 2)
    w3 = 3 * special.expit((z1 - 1) / 0.3)

    def bump(t, width):
        return np.exp(-0.5 * (t / width) ** 2)

    return {
        datasets.U1: 0.5 * ((np.hypot(z1, z2) - 2) / 0.4) ** 2
        - np.log(bump(z1 - 2, 0.6) + bump(z1 + 2, 0.6)),
        datasets.U2: 0.5 * ((z2 - w1) / 0.4) ** 2,
        datasets.U3: -np.log(bump(z2 - w1, 0.35) + bump(z2 - w1 + w2, 0.35)),
        datasets.U4: -np.log(bump(z2 - w1, 0.4) + bump(z2 - w1 + w3, 0.35)),
    }[cls]


@each
def test_potential_is_the_formula(cls):
    z = np.random.default_rng(0).uniform(-3.0, 3.0, (200, 2))
    density = cls(dtype="float64")
    np.testing.assert_allclose(density.potential(z), formula(cls, z), rtol=1e-9)
    np.testing.assert_allclose(
        density.log_prob(z), -formula(cls, z) - density.log_normalizer, rtol=1e-9
    )


@each
def test_log_normalizer(cls):
    np.testing.assert_allclose(cls().log_normalizer, LOG_NORMALIZERS[cls], atol=3e-4)


@each
def test_outside_the_square(cls):
    z = tf.constant([[4.001, 0.0], [0.0, -4.001], [30.0, 30.0]])
    assert np.all(np.isneginf(cls().log_prob(z)))
    assert np.all(np.isneginf(cls().unnormalized_log_prob(z)))
    assert np.all(np.isfinite(cls().potential(z)))
    inside = tf.constant([4.0, 0.0])
    np.testing.assert_allclose(
        cls().unnormalized_log_prob(inside), -cls().potential(inside)
    )


@each
def test_samples_fill_cells_by_their_mass(cls):
    density = cls()
    drawn = density.sample(20_000, seed=[5, 6]).numpy()
    edges = np.linspace(-4.0, 4.0, 9)
    counts, _, _ = np.histogram2d(*drawn.T, bins=[edges, edges])
    assert counts.sum() == len(drawn)
    grid = np.linspace(-4.0, 4.0, 161)[:-1] + 0.025
    z = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1)
    mass = density.prob(z).numpy().reshape(8, 20, 8, 20).sum((1, 3)) * 0.05**2
    error = np.sqrt(mass * (1.0 - mass) / len(drawn)) + 1e-4
    assert np.all(np.abs(counts / len(drawn) - mass) < 4.5 * error)


def test_potential_must_be_a_function():
    with pytest.raises(TypeError, match="must be a function of z, but got float"):
        datasets.Potential(1.0)


def test_own_potential():
    bowl = datasets.Potential(lambda z: tf.reduce_sum(z**2, axis=-1) / 2.0)
    # A standard normal, of which the square cuts off 1.3e-4.
    np.testing.assert_allclose(bowl.log_normalizer, np.log(2 * np.pi), atol=2e-4)
    np.testing.assert_allclose(bowl.entropy(), 1 + np.log(2 * np.pi), atol=2e-3)
