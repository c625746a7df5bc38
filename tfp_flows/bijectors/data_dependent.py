"""Data-dependent initialization: a flag, checked batches of data, their moments."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

_NUMBERS_AT_ONCE = 2**20


class DataDependent:
    """A bijector whose variables start from data, with a flag saved among them.

    A mix-in: the constructor calls `_set_flag`, and ``adapt`` assigns ``True`` to it.
    """

    _where: str

    def _set_flag(self, adapted, parameter) -> tf.Variable | None:
        """The flag; a new one if there is none and the parameter is a variable."""
        # Parameters that a network predicts do not wait for data.
        if adapted is None and isinstance(parameter, tf.Variable):
            adapted = tf.Variable(False, trainable=False, name="adapted")
        self._adapted = adapted
        return adapted

    @property
    def adapted(self) -> bool:
        """Tells whether the parameters came from data, or are no variables.

        The answer is that of now, also while a graph is traced.
        """
        if self._adapted is None:
            return True
        with tf.init_scope():
            return bool(tf.get_static_value(tf.convert_to_tensor(self._adapted)))

    def _require_variables(self, *names: str, rank: int) -> None:
        """Refuses parameters that `adapt` cannot set."""
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, tf.Variable) or value.shape.rank != rank:
                raise ValueError(
                    f"{self._where}: adapt sets variables of rank {rank}, but got "
                    f"{name}={value!r}; {type(self).__name__}.trainable makes them."
                )


class Weighted(NamedTuple):
    """Rows ``[n, D]`` and the weights ``[n]`` of each, in float64."""

    rows: np.ndarray
    weights: np.ndarray


def row_batches(
    data: Any,
    sample_weight: Any,
    event_size: int,
    where: str,
    *,
    any_rank: bool = False,
) -> Iterator[Weighted]:
    """Batches in float64 of data in memory or of a stream, without weights of 0.

    Args:
        data: an array or tensor ``[N, D]``; or a ``tf.data.Dataset`` or iterator of
            such batches, x, (x,) or (x, None, sample_weight).
        sample_weight: of data in memory, ``[N]``; ``None`` for weights of 1.
        event_size: D.
        where: the name of the layer in an error.
        any_rank: whether to take ``[N, ..., D]``, too: all but the last axis are one.

    Raises:
        TypeError: data that are not real numbers.
        ValueError: another shape, no rows, or a row that is not finite, with its
            number; weights that do not fit the rows, are negative or not finite.
    """
    num_rows, total = 0, 0.0
    for batch, given in _batches(data, sample_weight, where):
        rows = np.asarray(batch)
        weights = _checked_weights(given, rows, where)
        if any_rank and rows.ndim > 2:
            weights = np.repeat(weights, math.prod(rows.shape[1:-1]))
            rows = rows.reshape([-1, rows.shape[-1]])
        rows = _real_rows(rows, event_size, where)
        kept = weights > 0
        bad = np.flatnonzero(kept & ~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise ValueError(
                f"{where}.adapt takes finite data, but row {num_rows + bad[0]} is "
                f"{rows[bad[0]].tolist()}."
            )
        num_rows += len(rows)
        total += weights.sum()
        yield Weighted(rows[kept], weights[kept])
    if not total > 0:
        what = "weights of 0 alone" if num_rows else "none"
        raise ValueError(f"{where}.adapt takes 1 row of data or more, but got {what}.")


def moments(batches: Iterable[Weighted]) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the (population's) standard deviation of all rows, exact.

    A row of weight 2 counts as two rows. Each batch is centered by its own mean, and
    then joined with those before it (Chan, Golub and LeVeque, 1979).
    """
    count, mean, squares = 0.0, 0.0, 0.0
    low, high = np.inf, -np.inf
    # Numbers that overflow become infinite, and are refused as such.
    with np.errstate(over="ignore", invalid="ignore"):
        for rows, weights in batches:
            if not len(rows):
                continue
            here = weights.sum()
            column = weights[:, np.newaxis]
            batch_mean = np.sum(rows * column, axis=0) / here
            total = count + here
            gap = batch_mean - mean
            squares = squares + np.sum((rows - batch_mean) ** 2 * column, axis=0)
            squares = squares + gap**2 * (count * here / total)
            mean = mean + gap * (here / total)
            count = total
            low = np.minimum(low, rows.min(axis=0))
            high = np.maximum(high, rows.max(axis=0))
    # The mean of equal numbers is rounded, and their deviation not quite 0.
    constant = low == high
    deviation = np.where(constant, 0.0, np.sqrt(squares / count))
    return np.where(constant, low, mean), deviation


def quantiles(data: Weighted, levels: np.ndarray) -> np.ndarray:
    """Take the quantiles of each column, ``[len(levels), D]``.

    A row of weight 2 is two rows.

    Weights that are not whole numbers are scaled to a mean of 1.
    """
    rows, weights = data
    if np.all(weights == 1):
        return np.quantile(rows, levels, axis=0)
    if np.any(weights != np.round(weights)):
        weights = weights / weights.mean()
    # NumPy's place of a quantile in the sorted rows, each as often as its weight tells.
    place = levels * max(weights.sum() - 1.0, 0.0)
    below = np.floor(place)
    share = place - below
    columns = []
    for column in rows.T:
        order = np.argsort(column, kind="stable")
        # Less than rounding: a row ends where the next one begins.
        last = np.cumsum(weights[order]) * (1.0 - 1e-12)
        low, high = (
            column[order[np.minimum(np.searchsorted(last, at, "right"), len(last) - 1)]]
            for at in (below, below + 1)
        )
        columns.append(low + (high - low) * share)
    return np.stack(columns, axis=1)


def _checked_weights(given: Any, rows: np.ndarray, where: str) -> np.ndarray:
    if given is None or not rows.ndim:
        return np.ones(rows.shape[:1])
    weights = np.asarray(given)
    if weights.dtype.kind not in "bfiu" or weights.shape != rows.shape[:1]:
        raise ValueError(
            f"{where}.adapt: sample_weight must be {len(rows)} numbers, a weight for "
            f"each row, but got shape {weights.shape} and dtype {weights.dtype}."
        )
    weights = weights.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        raise ValueError(
            f"{where}.adapt: sample_weight must be finite and not negative, but row "
            f"{bad[0]} has {weights[bad[0]]}."
        )
    return weights


def _batches(data, sample_weight, where: str) -> Iterator[tuple]:
    if isinstance(data, tf.data.Dataset | Iterator):
        if sample_weight is not None:
            raise ValueError(
                f"{where}.adapt: the weights of a stream come with its batches: give "
                "(x, None, sample_weight)."
            )
        for batch in data:
            parts = batch if isinstance(batch, tuple | list) else (batch,)
            yield parts[0], parts[2] if len(parts) > 2 else None
        return
    array = np.asarray(data)
    if not array.ndim:
        yield array, None  # To be refused for its shape.
        return
    weights = _checked_weights(sample_weight, array, where)
    # In parts, so that the copy in float64 stays small.
    num_rows = max(1, _NUMBERS_AT_ONCE // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(array), num_rows):
        part = slice(start, start + num_rows)
        yield array[part], weights[part]


def _real_rows(batch, event_size: int, where: str) -> np.ndarray:
    rows = np.asarray(batch)
    if rows.dtype.kind not in "bfiu":
        raise TypeError(
            f"{where}.adapt takes real numbers, but got data of the dtype {rows.dtype}."
        )
    if rows.ndim != 2 or rows.shape[1] != event_size:
        raise ValueError(
            f"{where}.adapt takes data of shape [N, {event_size}], or a dataset of "
            f"batches of that shape, but got shape {rows.shape}."
        )
    return rows.astype(np.float64)
