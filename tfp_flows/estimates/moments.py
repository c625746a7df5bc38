"""The mean and the variance, by samples."""

import numpy as np
from tensorflow_probability import distributions as tfd

from tfp_flows.estimates.estimate import Estimate, mean_of, require_distribution
from tfp_flows.random_state import Seed


def estimate_mean(
    p: tfd.Distribution,
    num_samples: int = 10_000,
    *,
    batch_size: int = 1_000,
    seed: Seed = None,
) -> Estimate:
    """Estimate E_p[x].

    Args:
        p: the distribution.
        num_samples: how many samples.
        batch_size: how many at once, which bounds the memory.
        seed: of the samples.

    Returns:
        `Estimate` of shape ``[*batch_shape, *event_shape]``.

    Raises:
        TypeError: no distribution.
        ValueError: a sample that is not finite.

    >>> from tensorflow_probability import distributions as tfd
    >>> mean = estimate_mean(tfd.Normal(3.0, 1.0), seed=0)
    >>> bool(abs(mean.value - 3.0) < 4 * mean.standard_error)
    True
    """
    require_distribution(p, "estimate_mean: p")
    return mean_of(
        lambda size, batch_seed: p.sample(size, seed=batch_seed),
        num_samples,
        batch_size,
        seed,
        "estimate_mean",
    )


def estimate_variance(
    p: tfd.Distribution,
    num_samples: int = 10_000,
    *,
    batch_size: int = 1_000,
    seed: Seed = None,
) -> Estimate:
    """Estimate Var_p[x] of each coordinate, from half the squares of differences.

    E[(x − x′)²/2] for independent x and x′ is the variance, without a bias, whatever
    the mean. So ``num_samples`` pairs are drawn.

    Args:
        p: the distribution.
        num_samples: how many pairs of samples.
        batch_size: how many pairs at once, which bounds the memory.
        seed: of the samples.

    Returns:
        `Estimate` of shape ``[*batch_shape, *event_shape]``.

    Raises:
        TypeError: no distribution.
        ValueError: a sample that is not finite.

    >>> from tensorflow_probability import distributions as tfd
    >>> variance = estimate_variance(tfd.Normal(3.0, 2.0), seed=0)
    >>> bool(abs(variance.value - 4.0) < 4 * variance.standard_error)
    True
    """
    require_distribution(p, "estimate_variance: p")

    def per_sample(size, batch_seed):
        pairs = np.asarray(p.sample([2, size], seed=batch_seed), np.float64)
        return (pairs[0] - pairs[1]) ** 2 / 2

    return mean_of(per_sample, num_samples, batch_size, seed, "estimate_variance")
