"""Each density against its definition, written down a second time in NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats

from tfp_flows import datasets
from tfp_flows.datasets import noisy_curves
from tfp_flows.datasets.two_spirals import UniformPlusNormal

N = 4000
RNG = np.random.default_rng(0)


def two_moons():
    t, e = RNG.uniform(0, np.pi, N), RNG.normal(0, 0.1, (N, 2))
    upper = np.stack([np.cos(t), np.sin(t)], 1)
    lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], 1)
    return np.where(np.arange(N)[:, None] % 2, upper, lower) + e


def two_spirals():
    n = np.sqrt(RNG.uniform(size=N)) * 3 * np.pi
    x = np.stack([-n * np.cos(n), n * np.sin(n)], 1) + RNG.uniform(0, 0.5, (N, 2))
    sign = np.where(np.arange(N) % 2, 1, -1)[:, None]
    return sign * x / 3 + RNG.normal(0, 0.1, (N, 2))


def swiss_roll():
    t = 1.5 * np.pi * (1 + 2 * RNG.uniform(size=N))
    x = np.stack([t * np.cos(t), t * np.sin(t)], 1)
    return (x + RNG.normal(size=(N, 2))) / 5


def circles(radii, noise):
    t = RNG.uniform(0, 2 * np.pi, N)
    x = np.stack([np.cos(t), np.sin(t)], 1) * np.resize(radii, N)[:, None]
    return x + RNG.normal(0, noise, (N, 2))


def eight_gaussians():
    t = np.arange(N) % 8 * np.pi / 4
    x = 4 * np.stack([np.cos(t), np.sin(t)], 1)
    return (x + RNG.normal(0, 0.5, (N, 2))) / 1.414


def checkerboard():
    x1 = RNG.uniform(-2, 2, N)
    x2 = RNG.uniform(size=N) - 2 * RNG.integers(0, 2, N) + np.floor(x1) % 2
    return 2 * np.stack([x1, x2], 1)


@pytest.mark.parametrize(
    ("cls", "draw"),
    [
        (datasets.TwoMoons, two_moons),
        (datasets.TwoSpirals, two_spirals),
        (datasets.SwissRoll, swiss_roll),
        (datasets.Rings, lambda: circles([3, 2.25, 1.5, 0.75], 0.08)),
        (datasets.Circles, lambda: circles([3, 1.5], 0.24)),
        (datasets.EightGaussians, eight_gaussians),
        (datasets.Checkerboard, checkerboard),
    ],
)
def test_same_samples_as_the_definition(cls, draw):
    density = cls(dtype="float64")
    theirs, ours = draw(), density.sample(N, seed=[3, 4]).numpy()
    nll = -density.log_prob(theirs).numpy()
    error = max(nll.std() / np.sqrt(N), 1e-6)
    assert abs(nll.mean() - float(density.entropy())) < 4 * error
    for axis in range(2):
        assert stats.ks_2samp(theirs[:, axis], ours[:, axis]).pvalue > 1e-3


def test_moons_density_is_the_integral():
    x = np.array([[0.2, 0.9], [1.0, 0.3], [3.0, 2.0]])

    def p(x):
        def kernel(t):
            curves = (
                (math.cos(t), math.sin(t)),
                (1 - math.cos(t), 0.5 - math.sin(t)),
            )
            return sum(stats.norm.pdf(x - c, scale=0.1).prod() for c in curves)

        return integrate.quad(kernel, 0, np.pi, epsabs=0, limit=400)[0] / (2 * np.pi)

    ours = datasets.TwoMoons(0.1, dtype="float64").log_prob(x)
    # The last point is far beyond the tip of a moon, at e^-167.
    exact = np.log([p(row) for row in x])
    np.testing.assert_allclose(ours[:2], exact[:2], atol=5e-5)
    np.testing.assert_allclose(ours[2], exact[2], rtol=1e-3)


def test_moons_of_less_noise():
    moons = datasets.TwoMoons(noise=0.05)
    assert moons.noise == 0.05
    np.testing.assert_allclose(moons.entropy(), 0.289, atol=1.5e-3)


@pytest.mark.parametrize("noise", [0.0, -1.0, np.nan, np.inf])
def test_noise_must_be_positive(noise):
    with pytest.raises(ValueError, match="noise of TwoMoons must be finite and pos"):
        datasets.TwoMoons(noise=noise)


def test_blocks_change_nothing(monkeypatch):
    moons, x = datasets.TwoMoons(), tf.random.stateless_normal([101, 2], [0, 1])
    whole = moons.log_prob(x)
    monkeypatch.setattr(noisy_curves, "TABLE_SIZE", 10 * len(moons._nodes))
    np.testing.assert_allclose(moons.log_prob(x), whole, rtol=1e-6)
    assert moons.log_prob(x[:0]).shape == [0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_plus_normal(dtype):
    d = np.linspace(-40.0, 40.0, 4001).astype(dtype)
    high, low = ((s * 0.25 - np.abs(d)) / 0.1 for s in (1.0, -1.0))
    log_p = special.log_ndtr(high)
    log_p += np.log1p(-np.exp(special.log_ndtr(low) - log_p)) - math.log(0.5)
    ours = UniformPlusNormal(0.25, 0.1, dtype)
    np.testing.assert_allclose(ours.log_prob(d), log_p, rtol=2e-6, atol=2e-6)
    drawn = ours.sample(N, seed=[0, 1]).numpy()
    np.testing.assert_allclose(drawn.std(), np.hypot(0.25 / 3**0.5, 0.1), rtol=0.05)


def test_gaussian_nll():
    x = RNG.normal(size=(300, 3)) @ RNG.normal(size=(3, 3)) + 5.0
    fitted = stats.multivariate_normal(x.mean(0), np.cov(x.T, ddof=0))
    expected = -fitted.logpdf(x).mean()
    np.testing.assert_allclose(datasets.gaussian_nll(x), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros([5]), r"shape \[N, D\] with N > D, but got \[5\]"),
        (np.zeros([2, 2]), r"got \[2, 2\]"),
        (np.full([5, 2], np.nan), "not finite"),
        (np.ones([5, 2]), "singular"),
    ],
)
def test_gaussian_nll_refuses(x, message):
    with pytest.raises(ValueError, match=message):
        datasets.gaussian_nll(x)
