"""Data-dependent initialization: a flag, checked batches of data, their moments."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

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


def row_batches(
    data: Any, event_size: int, where: str, *, any_rank: bool = False
) -> Iterator[np.ndarray]:
    """Batches ``[n, D]`` in float64 of data in memory or of a stream.

    Args:
        data: an array or tensor ``[N, D]``; or a ``tf.data.Dataset`` or iterator of
            such batches, x, (x,) or (x, None, sample_weight), whose weights are not
            used.
        event_size: D.
        where: the name of the layer in an error.
        any_rank: whether to take ``[N, ..., D]``, too: all but the last axis are one.

    Raises:
        TypeError: data that are not real numbers.
        ValueError: another shape, no rows, or a row that is not finite, with its
            number.
    """
    num_rows = 0
    for batch in _batches(data):
        rows = np.asarray(batch)
        if any_rank and rows.ndim > 2:
            rows = rows.reshape([-1, rows.shape[-1]])
        rows = _real_rows(rows, event_size, where)
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise ValueError(
                f"{where}.adapt takes finite data, but row {num_rows + bad[0]} is "
                f"{rows[bad[0]].tolist()}."
            )
        num_rows += len(rows)
        yield rows
    if not num_rows:
        raise ValueError(f"{where}.adapt takes 1 row of data or more, but got none.")


def moments(batches: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the (population's) standard deviation of all rows, exact.

    Each batch is centered by its own mean, and then joined with those before it (Chan,
    Golub and LeVeque, 1979).
    """
    count, mean, squares = 0, 0.0, 0.0
    low, high = np.inf, -np.inf
    # Numbers that overflow become infinite, and are refused as such.
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in batches:
            if not len(rows):
                continue
            batch_mean = rows.mean(axis=0)
            total = count + len(rows)
            gap = batch_mean - mean
            squares = squares + np.sum((rows - batch_mean) ** 2, axis=0)
            squares = squares + gap**2 * (count * len(rows) / total)
            mean = mean + gap * (len(rows) / total)
            count = total
            low = np.minimum(low, rows.min(axis=0))
            high = np.maximum(high, rows.max(axis=0))
    # The mean of equal numbers is rounded, and their deviation not quite 0.
    constant = low == high
    deviation = np.where(constant, 0.0, np.sqrt(squares / count))
    return np.where(constant, low, mean), deviation


def _batches(data) -> Iterator:
    if isinstance(data, tf.data.Dataset | Iterator):
        yield from (b[0] if isinstance(b, tuple | list) else b for b in data)
        return
    array = np.asarray(data)
    if not array.ndim:
        yield array  # To be refused for its shape.
        return
    # In parts, so that the copy in float64 stays small.
    num_rows = max(1, _NUMBERS_AT_ONCE // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(array), num_rows):
        yield array[start : start + num_rows]


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
