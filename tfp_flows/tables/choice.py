"""Columns by the words of a person."""

import csv
import difflib
import re

from tfp_flows.tables.table import Table, TableError, shortened

_MOST_NAMES = 10


def find_columns(table: Table, text: str) -> list[int]:
    """Find the positions, counted from 0, of columns such as ``"age, 3, 5-7"``.

    A name goes before a number; a name with a comma in it can be put in quotes.

    Args:
        table: that has them.
        text: names, numbers counted from 1 and ranges of numbers, with commas between.

    Raises:
        TableError: one is not there, or a name is there twice; a column twice; none.
    """
    # On one line, which is all that the reader takes.
    text = " ".join(text.split())
    items = next(csv.reader([text], skipinitialspace=True), [])
    positions = []
    for item in (item.strip() for item in items):
        if item:
            positions += _find(table, item)
    if not positions:
        raise TableError(f"{table.name}: no column was named in {text!r}.")
    for position in positions:
        if positions.count(position) > 1:
            raise TableError(f"{table.name}: {table.label(position)} is chosen twice.")
    return positions


def _find(table: Table, item: str) -> list[int]:
    headers = [" ".join(name.split()) for name in table.headers or ()]
    named = [p for p, name in enumerate(headers) if name == item]
    if len(named) > 1:
        numbers = " and ".join(str(p + 1) for p in named)
        raise TableError(
            f"{table.name} has several columns named {item!r}, {numbers}: choose one "
            "by its number."
        )
    if named:
        return named
    limits = re.fullmatch(r"(\d+)(?:\s*-\s*(\d+))?", item)
    if not limits:
        raise TableError(
            f"{table.name} has no column named {shortened(item)!r}; "
            f"{_alternatives(table, item)}"
        )
    first = int(limits[1])
    last = int(limits[2] or first)
    if not 1 <= first <= last <= table.width:
        raise TableError(
            f"{table.name} has the columns 1 to {table.width}, but got {item}."
        )
    return list(range(first - 1, last))


def _alternatives(table: Table, item: str) -> str:
    if table.headers is None:
        return f"its columns have no names: give numbers, from 1 to {table.width}."
    similar = difflib.get_close_matches(item, table.headers)
    if similar:
        return f"did you mean {' or '.join(map(repr, similar))}?"
    names = [shortened(name) for name in table.headers[:_MOST_NAMES]]
    more = "" if len(names) == table.width else f", … ({table.width} in all)"
    return f"it has {', '.join(names)}{more}."
