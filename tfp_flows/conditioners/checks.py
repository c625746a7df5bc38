"""Checks of the arguments that conditioners share."""

from collections.abc import Sequence

import numpy as np


def checked_widths(widths, where: str) -> list[int]:
    """Widths of layers as a list of integers.

    Raises:
        TypeError: no list of integers.
        ValueError: a width that is not positive.
    """
    if not isinstance(widths, Sequence) or not all(map(_is_integer, widths)):
        raise TypeError(
            f"{where} must be integers, such as [64, 64], but got {widths!r}."
        )
    if any(units < 1 for units in widths):
        raise ValueError(f"{where} must be 1 or more, but got {widths!r}.")
    return [int(units) for units in widths]


def checked_size(size, where: str) -> int:
    """One size as an integer.

    Raises:
        TypeError: no integer.
        ValueError: not positive.
    """
    if not _is_integer(size):
        raise TypeError(f"{where} must be an integer, but got {size!r}.")
    if size < 1:
        raise ValueError(f"{where} must be 1 or more, but got {size!r}.")
    return int(size)


def _is_integer(value) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
