"""An open table, of whatever kind its file is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_LONGEST_WORD = 40


class TableError(ValueError):
    """A fault of a table, in one sentence for the person who has it."""


@dataclass(frozen=True)
class Columns:
    """Numbers out of a table.

    Args:
        values: ``[N, K]`` in float64, NaN in rows that are bad.
        bad: what is wrong with each bad row, by the row's number from 0.
    """

    values: np.ndarray
    bad: dict[int, str]


@dataclass(frozen=True)
class Table:
    """An open table; nothing but its first line need be good.

    Args:
        name: what messages call it.
        headers: the names of all columns, or ``None`` if the table has none.
        width: how many columns it has.
        read: gives the columns at positions, counted from 0.
    """

    name: str
    headers: tuple[str, ...] | None
    width: int
    read: Callable[[Sequence[int]], Columns]

    def label(self, position: int) -> str:
        """Give the name that messages use for a column."""
        return column_label(position, self.headers[position] if self.headers else None)


def column_label(position: int, header: str | None) -> str:
    """Give the name that people use for the column at ``position``, counted from 0.

    >>> column_label(2, None), column_label(2, "pH")
    ('column 3', 'column 3 (pH)')
    """
    number = f"column {position + 1}"
    return f"{number} ({shortened(header)})" if header else number


def shortened(text: str) -> str:
    """Text from a file, on one line and not longer than a message can hold."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_WORD else text[: _LONGEST_WORD - 1] + "…"
