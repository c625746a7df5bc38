"""Checks, limits, samples and densities on grids, shared by the pictures."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike
from tensorflow_probability import distributions as tfd

from tfp_flows.random_state import Seed, as_integer, as_stateless

# The limits of each axis.
Bounds = tuple[tuple[float, float], ...]

# Points of the grid at which a density is evaluated in one call.
GRID_BLOCK = 1 << 14


def as_points(x: ArrayLike, what: str) -> np.ndarray:
    """``x`` as an array ``[N, 2]`` of finite numbers; ValueError otherwise."""
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != 2 or len(x) == 0:
        raise ValueError(f"{what} must have shape [N, 2], but got {list(x.shape)}.")
    bad = np.count_nonzero(~np.all(np.isfinite(x), axis=1))
    if bad:
        raise ValueError(f"{what}: {bad} of {len(x)} points are not finite.")
    return x


def check_planar(distribution: tfd.Distribution, what: str) -> None:
    """Raises unless ``distribution`` is one distribution of points of the plane."""
    if not isinstance(distribution, tfp.distributions.Distribution):
        raise TypeError(
            f"{what} must be a tfd.Distribution, but got {type(distribution).__name__}."
        )
    event, batch = distribution.event_shape, distribution.batch_shape
    if not (event.is_compatible_with([2]) and batch.is_compatible_with([])):
        raise ValueError(
            f"{what} must have event shape [2] and batch shape [], but got event shape "
            f"{event} and batch shape {batch}."
        )


def draw_samples(
    distribution: tfd.Distribution, num_samples: int, seed: Seed
) -> np.ndarray:
    """Samples ``[num_samples, 2]``: the same ones whenever ``seed`` is the same."""
    seed = as_stateless(seed, "draw_samples")
    return distribution.sample(num_samples, seed=seed).numpy()


def at_most(points: np.ndarray, count: int, seed: Seed) -> np.ndarray:
    """``count`` of the points, picked at random, or all if they are fewer."""
    if len(points) <= count:
        return points
    picked = np.random.default_rng(as_integer(seed)).choice(
        len(points), count, replace=False
    )
    return points[picked]


def bounds_of(points: np.ndarray) -> Bounds:
    """Limits that hold nearly all points, with some space around them."""
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    space = np.where(high > low, 0.08 * (high - low), 1.0)
    return tuple(zip((low - space).tolist(), (high + space).tolist(), strict=True))


def as_bounds(bounds: Bounds) -> Bounds:
    """``bounds`` as floats, if they are ``((x_min, x_max), (y_min, y_max))``."""
    array = np.asarray(bounds, float)
    if array.shape != (2, 2) or not np.all(array[:, 0] < array[:, 1]):
        raise ValueError(
            f"bounds must be ((x_min, x_max), (y_min, y_max)), but got {bounds}."
        )
    return tuple((low, high) for low, high in array.tolist())


def squared(bounds: Bounds) -> Bounds:
    """Make bounds a square of the longer side, with the same center."""
    half = max(high - low for low, high in bounds) / 2.0
    centers = [(low + high) / 2.0 for low, high in bounds]
    return tuple((center - half, center + half) for center in centers)


def density_on_grid(
    distribution: tfd.Distribution, bounds: Bounds, resolution: int
) -> np.ndarray:
    """The density at the centers of ``resolution``² cells: ``[y, x]``, y upwards."""
    x, y = (
        low + (high - low) * (np.arange(resolution) + 0.5) / resolution
        for low, high in bounds
    )
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    grid = grid.astype(tf.as_dtype(distribution.dtype).as_numpy_dtype)
    blocks = np.array_split(grid, math.ceil(len(grid) / GRID_BLOCK))
    log_p = np.concatenate([distribution.log_prob(block).numpy() for block in blocks])
    return np.exp(log_p).reshape(resolution, resolution)
