"""Cells of text: the numbers in them, or what is wrong with them."""

import math
import re

from tfp_flows.tables.table import shortened

_MISSING = {"", "na", "n/a", "nan", "null", "none", "nil", "-", "?", "."}


def is_missing(cell: str) -> bool:
    """Tell whether a cell says that there is no value."""
    return cell.strip().lower() in _MISSING


def as_float(cell: str) -> float:
    """The number in a cell, finite or not; NaN if there is none."""
    try:
        # Python's own spelling, 1_000, is nobody else's.
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


def to_number(cell: str) -> float:
    """The finite number in a cell; NaN if there is none."""
    number = as_float(cell)
    return number if math.isfinite(number) else math.nan


def fault_of(cell: str, header: str | None) -> str:
    """Say what is wrong with a cell that has no finite number.

    >>> fault_of("3,5", None)
    "'3,5' is not a number: write decimals with a point"
    """
    cell = cell.strip()
    shown = repr(shortened(cell))
    if not cell:
        return "is empty"
    if is_missing(cell):
        return f"the number is missing, there is {shown}"
    if math.isinf(as_float(cell)):
        return f"{shown} is not finite"
    if cell == header:
        return f"{shown} is not a number: the header once more?"
    if re.fullmatch(r"[-+]?\d+,\d+", cell):
        return f"{shown} is not a number: write decimals with a point"
    return f"{shown} is not a number"
