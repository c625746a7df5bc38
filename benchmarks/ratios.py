"""Ratios of times that were taken in turns, and how they are written."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Ratio(NamedTuple):
    """The median of the ratios of pairs, and the quartiles, their spread."""

    median: float
    low: float
    high: float

    def __str__(self):
        return f"{_digits(self.median)} ({_digits(self.low)}–{_digits(self.high)})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Of two series of turns, the i-th of which were taken one after the other.

    A slow drift of the machine cancels in each pair. The longer series is cut.
    """
    return spread([a / b for a, b in zip(ours, theirs, strict=False)])


def spread(values: Sequence[float]) -> Ratio:
    """Median and quartiles.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("There is no pair of times to compare.")
    if len(values) == 1:
        return Ratio(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Ratio(median, low, high)


def milliseconds(seconds: float | None) -> str:
    """With three digits; a dash where nothing was measured."""
    return "–" if seconds is None else _digits(1000 * seconds, 3)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table, with an empty one at the end."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]


def _digits(value: float, digits: int = 2) -> str:
    # Not "g", which would write 1.2e+03.
    for decimals in range(digits + 1, -1, -1):
        text = f"{value:,.{decimals}f}"
        if len(text.replace(".", "").replace(",", "").lstrip("-0")) <= digits:
            return text
    return text
