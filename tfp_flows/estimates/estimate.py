"""An estimate and its standard error, of batches of samples."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from tensorflow_probability import distributions as tfd

from tfp_flows.checks import checked_count
from tfp_flows.random_state import Seed, as_stateless, split_seed


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number, or an array of them, that samples give.

    Args:
        value: the estimate, float64.
        standard_error: of each number: the standard deviation over other seeds.
        num_samples: how many samples it is of.
    """

    value: np.ndarray
    standard_error: np.ndarray
    num_samples: int


def require_distribution(p: Any, where: str) -> None:
    """Refuse what is no distribution.

    Raises:
        TypeError: naming the argument ``where``.
    """
    if not isinstance(p, tfd.Distribution):
        raise TypeError(
            f"{where} must be a tfd.Distribution, such as a Flow, or family(context) "
            f"of a Family, but got {p!r}."
        )


def seeded_batches(
    num_samples: int, batch_size: int, seed: Seed, where: str
) -> Iterator[tuple[int, Any]]:
    """The size of each batch of samples, and its seed.

    Raises:
        TypeError, ValueError: fewer than two samples, a batch size that is no positive
            integer, no such seed.
    """
    num_samples = checked_count(num_samples, f"{where}: num_samples")
    if num_samples < 2:
        raise ValueError(
            f"{where}: num_samples must be 2 or more, for a standard error, but got 1."
        )
    batch_size = checked_count(batch_size, f"{where}: batch_size")
    num_batches = -(-num_samples // batch_size)
    for index, number in enumerate(split_seed(seed, num_batches, f"{where}: seed")):
        size = min(batch_size, num_samples - index * batch_size)
        yield size, as_stateless(number, where)


def mean_of(
    per_sample: Callable[[int, Any], Any],
    num_samples: int,
    batch_size: int,
    seed: Seed,
    where: str,
) -> Estimate:
    """Estimate a mean.

    Args:
        per_sample: called with a number and a seed; gives so many independent values,
            along the first axis.
        num_samples: in all.
        batch_size: at once.
        seed: of the samples.
        where: the caller, for messages.

    Raises:
        ValueError: a value that is not finite.
    """
    count, mean, square = 0, np.zeros([]), np.zeros([])
    for size, batch_seed in seeded_batches(num_samples, batch_size, seed, where):
        values = as_array(per_sample(size, batch_seed), where)
        if np.isinf(values).any():
            raise ValueError(
                f"{where}: the value at a sample is infinite, so that there is no "
                "estimate. (A divergence is infinite where q has no density and p has.)"
            )
        # Chan's update of a mean and a sum of squares, which does not cancel.
        new = values.mean(axis=0)
        change, total = new - mean, count + size
        square = square + ((values - new) ** 2).sum(axis=0)
        square = square + change**2 * count * size / total
        mean, count = mean + change * size / total, total
    return Estimate(mean, np.sqrt(square / (count - 1) / count), count)


def as_array(values: Any, where: str) -> np.ndarray:
    """Values of samples as float64.

    Raises:
        ValueError: one of them is NaN.
    """
    array = np.asarray(values, np.float64)
    if bad := np.isnan(array).sum():
        raise ValueError(
            f"{where}: {bad} of {array.size} values at samples are NaN, so that there "
            "is no estimate: samples overflow, or leave the support of a layer."
        )
    return array
