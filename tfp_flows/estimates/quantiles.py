"""Quantiles, and levels of the highest density, by samples."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tensorflow_probability import distributions as tfd

from tfp_flows.checks import checked_number
from tfp_flows.estimates.estimate import (
    Estimate,
    as_array,
    require_distribution,
    seeded_batches,
)
from tfp_flows.random_state import Seed


def estimate_quantiles(
    p: tfd.Distribution,
    probabilities: Sequence[float] | float,
    num_samples: int = 10_000,
    *,
    batch_size: int = 1_000,
    seed: Seed = None,
) -> Estimate:
    """Estimate the quantiles of each coordinate.

    Cost: all samples are kept, ``num_samples`` times the size of one.

    Args:
        p: the distribution.
        probabilities: one or several, within (0, 1).
        num_samples: how many samples.
        batch_size: how many at once.
        seed: of the samples.

    Returns:
        `Estimate` of shape ``[*batch_shape, *event_shape]``, after an axis for the
        probabilities if these are several.

    Raises:
        TypeError: no distribution, or no numbers.
        ValueError: a probability outside (0, 1), a sample that is NaN.

    >>> from tensorflow_probability import distributions as tfd
    >>> median = estimate_quantiles(tfd.Normal(3.0, 1.0), 0.5, seed=0)
    >>> bool(abs(median.value - 3.0) < 4 * median.standard_error)
    True
    """
    where = "estimate_quantiles"
    require_distribution(p, f"{where}: p")
    levels = _checked_probabilities(probabilities, f"{where}: probabilities")
    samples = _samples_of(p.sample, num_samples, batch_size, seed, where)
    return _quantiles(samples, levels)


def estimate_highest_density_level(
    p: tfd.Distribution,
    mass: Sequence[float] | float,
    num_samples: int = 10_000,
    *,
    batch_size: int = 1_000,
    seed: Seed = None,
) -> Estimate:
    """Estimate log t of the region of highest density, {x : log p(x) ≥ log t}.

    It is the smallest region that has the probability ``mass``, and log t, in nats, the
    (1 − mass)-quantile of log p(x) for samples x.

    Args:
        p: the distribution.
        mass: one probability or several, within (0, 1).
        num_samples: how many samples.
        batch_size: how many at once, which bounds the memory.
        seed: of the samples.

    Returns:
        `Estimate` of p's batch shape, after an axis for the masses if these are
        several.

    Raises:
        TypeError: no distribution, or no numbers.
        ValueError: a mass outside (0, 1), a log-density that is NaN.

    >>> from tensorflow_probability import distributions as tfd
    >>> level = estimate_highest_density_level(tfd.Normal(0.0, 1.0), 0.95, seed=0)
    >>> bool(abs(level.value - tfd.Normal(0.0, 1.0).log_prob(1.96))
    ...      < 4 * level.standard_error)
    True
    """
    where = "estimate_highest_density_level"
    require_distribution(p, f"{where}: p")
    masses = _checked_probabilities(mass, f"{where}: mass")

    def log_probs(size, seed):
        return p.experimental_sample_and_log_prob(size, seed=seed)[1]

    samples = _samples_of(log_probs, num_samples, batch_size, seed, where)
    return _quantiles(samples, 1.0 - masses)


def _checked_probabilities(values: Any, where: str) -> np.ndarray:
    entries = [values] if np.ndim(values) == 0 else list(values)
    array = np.array([checked_number(value, where) for value in entries])
    if not ((array > 0) & (array < 1)).all():
        raise ValueError(f"{where} must be within (0, 1), but got {values!r}.")
    return array[0] if np.ndim(values) == 0 else array


def _samples_of(draw: Callable, num_samples, batch_size, seed, where) -> np.ndarray:
    batches = seeded_batches(num_samples, batch_size, seed, where)
    parts = [
        as_array(draw(size, seed=batch_seed), where) for size, batch_seed in batches
    ]
    return np.sort(np.concatenate(parts), axis=0)


def _quantiles(ordered: np.ndarray, levels: np.ndarray) -> Estimate:
    """Quantiles of ordered samples.

    The rank of a quantile is off by the standard deviation √(n q (1 − q)) of the number
    of samples below it; the samples that far to both sides tell what it amounts to.
    """
    count = len(ordered)
    spread = np.sqrt(count * levels * (1 - levels))
    at = levels * (count - 1)
    low, high = (
        ordered[np.clip(np.rint(at + sign * spread), 0, count - 1).astype(int)]
        for sign in (-1, 1)
    )
    value = np.quantile(ordered, levels, axis=0)
    return Estimate(value, (high - low) / 2, count)
