"""Checks of arguments, shared by all parts of the package."""

import numbers
from typing import Any

import numpy as np


def checked_count(value: Any, where: str) -> int:
    """A size or a number of things as an integer.

    Args:
        value: the argument.
        where: the owner and the name of the argument, for the message.

    Raises:
        TypeError: no integer.
        ValueError: less than 1.
    """
    if not _is_integer(value):
        raise TypeError(f"{where} must be an integer, but got {value!r}.")
    if value < 1:
        raise ValueError(f"{where} must be 1 or more, but got {value}.")
    return int(value)


def checked_odd(size: Any, where: str) -> int:
    """The size of a kernel that has an entry at its center.

    Raises:
        TypeError: no integer.
        ValueError: less than 1, or even.
    """
    size = checked_count(size, where)
    if size % 2 == 0:
        raise ValueError(
            f"{where} must be odd, so that a kernel has a pixel at its center, but got "
            f"{size}."
        )
    return size


def checked_number(value: Any, where: str) -> float:
    """A real number.

    Raises:
        TypeError: no real number.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{where} must be a number, but got {value!r}.")
    return float(value)


def checked_flag(value: Any, where: str) -> bool:
    """True or False.

    Raises:
        TypeError: neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{where} must be True or False, but got {value!r}.")
    return bool(value)


def require_no_batch(bijector: Any, where: str) -> None:
    """Refuses a bijector whose parameters have a batch shape.

    Raises:
        ValueError: naming ``where`` and the shape.
    """
    batch = bijector.experimental_batch_shape()
    if batch.rank is None or batch.rank:
        raise ValueError(
            f"{where} takes a bijector without a batch shape, but got "
            f"{type(bijector).__name__} {bijector.name!r} of {tuple(batch)}."
        )


def require_interval(low: float, high: float, where: str) -> None:
    """Refuses an interval that is empty, infinite or reversed.

    Raises:
        TypeError: an end that is no number.
        ValueError: naming ``where`` and both ends.
    """
    low, high = (
        checked_number(end, f"{where}: {name}")
        for name, end in (("low", low), ("high", high))
    )
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(
            f"{where}: the interval needs finite ends with low < high, but got "
            f"low={low} and high={high}."
        )


def checked_counts(values: Any, where: str, example: str = "[64, 64]") -> list[int]:
    """Several sizes or numbers of things, as a list of integers.

    Args:
        values: the argument.
        where: the owner and the name of the argument, for the message.
        example: a right argument, for the message.

    Raises:
        TypeError: no sequence of integers.
        ValueError: one is less than 1.
    """
    entries = list(values) if np.iterable(values) else [values]
    if not np.iterable(values) or not all(map(_is_integer, entries)):
        raise TypeError(
            f"{where} must be integers, such as {example}, but got {values!r}."
        )
    if any(value < 1 for value in entries):
        raise ValueError(f"{where} must be 1 or more, but got {values!r}.")
    return [int(value) for value in entries]


def checked_permutation(
    permutation: Any, where: str, size: int | None = None
) -> np.ndarray:
    """A permutation as a new array, of ``size`` numbers if that is given.

    Raises:
        ValueError: not the integers 0 … D − 1, each once.
    """
    array = np.array(permutation)
    length = array.size if size is None else size
    if (
        not length
        or array.dtype.kind not in "iu"
        or not np.array_equal(np.sort(array, axis=None), np.arange(length))
        or array.ndim != 1
    ):
        last = "D − 1" if size is None else size - 1
        raise ValueError(
            f"{where} must be the integers 0 … {last} in any order, each once, but got "
            f"{permutation!r}."
        )
    return array


def checked_image_shape(shape: Any, where: str) -> list[int]:
    """The rows, columns and channels of an image, as a list.

    Raises:
        TypeError: no sequence of integers.
        ValueError: not three of them, or one is less than 1.
    """
    sizes = checked_counts(shape, where, "[8, 8, 1]")
    if len(sizes) != 3:
        raise ValueError(
            f"{where} must be three numbers, rows, columns and channels, such as "
            f"[8, 8, 1], but got {shape!r}."
        )
    return sizes


def _is_integer(value) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
