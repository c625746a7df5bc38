"""Columns that have no density, or seem to have none."""

import numpy as np

# A column that the others give to this part of its deviation is beyond what float32
# can tell from one that they give exactly.
_NEGLIGIBLE = 1e-5


def find_constant(values: np.ndarray) -> list[int]:
    """The columns of ``values`` ``[N, D]`` that have one value in all rows."""
    return np.flatnonzero(values.min(axis=0) == values.max(axis=0)).tolist()


def residuals(values: np.ndarray, context: np.ndarray | None = None) -> np.ndarray:
    """Take from the columns what is linear in the context's columns.

    Args:
        values: ``[N, D]``.
        context: ``[N, C]``; without one the mean alone is taken off.
    """
    centered = values - values.mean(axis=0)
    if context is None:
        return centered
    known = context - context.mean(axis=0)
    deviation = known.std(axis=0)
    known = known / np.where(deviation > 0, deviation, 1.0)
    return centered - known @ np.linalg.lstsq(known, centered)[0]


def find_copies(values: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of columns that are equal in all rows; each j once."""
    first: dict[bytes, int] = {}
    pairs = []
    for j, column in enumerate(np.ascontiguousarray(values.T)):
        i = first.setdefault(column.tobytes(), j)
        if i != j:
            pairs.append((i, j))
    return pairs


def find_dependent(
    values: np.ndarray, context: np.ndarray | None = None
) -> list[list[int]]:
    """Sets of columns of which one follows from the others, and the context, linearly.

    Args:
        values: ``[N, D]`` without constant columns.
        context: ``[N, C]``, if the columns are to be described given one.

    Returns:
        One set, or those that follow from the context alone; none if there is none, or
        there are too few rows to tell.
    """
    known = 0 if context is None else context.shape[1]
    if len(values) <= values.shape[1] + known + 1:
        return []
    left = residuals(values, context) / values.std(axis=0)
    scale = left.std(axis=0)
    if (scale < _NEGLIGIBLE).any():
        return [[i] for i in np.flatnonzero(scale < _NEGLIGIBLE).tolist()]
    left = left / scale
    variances, directions = np.linalg.eigh(left.T @ left / len(left))
    if variances[0] > _NEGLIGIBLE**2:
        return []
    weights = np.abs(directions[:, 0])
    return [np.flatnonzero(weights > 1e-3 * weights.max()).tolist()]


def find_ties(values: np.ndarray) -> np.ndarray:
    """The share of rows, for each column, whose value another row has, too."""
    shares = []
    for column in values.T:
        _, counts = np.unique(column, return_counts=True)
        shares.append(counts[counts > 1].sum() / len(column))
    return np.array(shares)
