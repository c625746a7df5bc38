"""The integers that discrete data consist of."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf


@runtime_checkable
class TakesIntegers(Protocol):
    """A distribution, or an encoder of contexts, that takes integers alone."""

    integers: "IntegerRange"


def integers_of(part: Any) -> "IntegerRange | None":
    """The integers that ``part`` takes; ``None`` if it takes other numbers, too."""
    return part.integers if isinstance(part, TakesIntegers) else None


class IntegerRange:
    """The integers from ``low`` to ``high``, both among them.

    Args:
        low: an integer, or an array of them, one for each number of a point.
        high: likewise.
        where: the owner of the limits, for the messages.

    Raises:
        TypeError: limits that are no numbers.
        ValueError: limits that are not integers, not in order, or of shapes that do not
            broadcast.

    >>> digits = IntegerRange(0, 9, "a test")
    >>> str(digits), digits.contains(np.array([3, 10, 0.5]))
    ('integers from 0 to 9', array([ True, False, False]))
    """

    def __init__(self, low: Any, high: Any, where: str):
        self.low = _checked_limit(low, f"{where}: low")
        self.high = _checked_limit(high, f"{where}: high")
        shapes = self.low.shape, self.high.shape
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(
                f"{where}: low and high must have shapes that broadcast, but got "
                f"{shapes[0]} and {shapes[1]}."
            ) from None
        if np.any(self.low > self.high):
            raise ValueError(
                f"{where}: low must not be above high, but got low={low!r} and "
                f"high={high!r}."
            )

    @property
    def count(self) -> np.ndarray:
        """The number of integers in the range."""
        return self.high - self.low + 1.0

    def contains(self, values: Any) -> Any:
        """Tells for each number of an array or a tensor whether it is in the range."""
        if isinstance(values, np.ndarray):
            whole = np.floor(values) == values if values.dtype.kind == "f" else True
            return (self.low <= values) & (values <= self.high) & whole
        if not values.dtype.is_floating:  # The limits may be beyond such a dtype.
            values = tf.cast(values, tf.float64)
        low, high = (tf.cast(end, values.dtype) for end in (self.low, self.high))
        return (low <= values) & (values <= high) & (tf.floor(values) == values)

    def require(self, values: np.ndarray, name: str, *, rows: bool = False) -> None:
        """Refuses values of which one is not in the range.

        Args:
            values: ``[..., *shape]``, where the limits have the shape ``shape``.
            name: the name of the values in the message.
            rows: whether to tell the number of the row, for values that are rows.

        Raises:
            ValueError: with the first value that is not in the range.
        """
        bad = np.argwhere(~self.contains(values))
        if not len(bad):
            return
        first = tuple(map(int, bad[0]))
        value = values[first]
        if not rows:
            place = f" at {list(first)}" if first else ""
            raise ValueError(f"{name} must be {self}, but got {value}{place}.")
        more = len(np.unique(bad[:, 0])) - 1
        raise ValueError(
            f"{name} must be {self}, but row {first[0]} has {value}"
            + (f" (and {more} more rows have others)." if more else ".")
        )

    def __str__(self):
        low, high = int(self.low.min()), int(self.high.max())
        suffix = ", each with its own limits" if self.count.ndim else ""
        return f"integers from {low} to {high}{suffix}"


def _checked_limit(limit, where: str) -> np.ndarray:
    try:
        array = np.asarray(limit)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{where} must be an integer, but got {limit!r}.")
    array = array.astype(np.float64)
    if not array.size or not (np.isfinite(array) & (np.floor(array) == array)).all():
        raise ValueError(f"{where} must be an integer, but got {limit!r}.")
    return array
