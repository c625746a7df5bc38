"""The rows that a command works on."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tfp_flows.cli.columns import choose_to_fit, locate
from tfp_flows.cli.messages import Mistake, count, note
from tfp_flows.cli.model_file import LoadedModel
from tfp_flows.cli.record import Origin
from tfp_flows.tables import Table, open_table

_MOST_REPORTED = 10


class Data(NamedTuple):
    """Points ``[N, D]``, and contexts ``[N, C]`` or ``None``."""

    points: np.ndarray
    context: np.ndarray | None

    def take(self, index: np.ndarray) -> "Data":
        """Take some of the rows."""
        context = None if self.context is None else self.context[index]
        return Data(self.points[index], context)

    @property
    def as_inputs(self) -> Any:
        """The argument of ``FlowModel.predict``."""
        return self.points if self.context is None else (self.context, self.points)

    @property
    def as_arguments(self) -> tuple:
        """The arguments of ``FlowModel.fit``."""
        return (self.points,) if self.context is None else (self.context, self.points)


@dataclass(frozen=True)
class Rows:
    """Good rows of one table or two.

    Args:
        data: the numbers.
        columns: where the points came from.
        context_columns: where the context came from, or ``None``.
        context_apart: whether that is a table of its own.
        numbers: of these rows among all rows of the table, from 0.
        num_rows: of the table, the bad ones, too.
        table: its name.
    """

    data: Data
    columns: Origin
    context_columns: Origin | None
    context_apart: bool
    numbers: np.ndarray
    num_rows: int
    table: str


def read_to_fit(options: argparse.Namespace) -> Rows:
    """Read the rows that ``fit`` is to learn.

    Raises:
        Mistake: no such columns; bad rows, if they are not to be left out.
    """
    table, apart = _open_both(options)
    columns, context = choose_to_fit(options, table, apart)
    return _read(options, table, columns, apart, context)


def read_for_model(options: argparse.Namespace, loaded: LoadedModel) -> Rows:
    """Read the rows for a model that exists.

    Raises:
        Mistake: the columns cannot be found; a context that is missing, or not taken;
            bad rows, if they are not to be left out; numbers too large for the model.
    """
    rows = _rows_for_model(
        options, loaded.columns, loaded.context, loaded.context_apart
    )
    for part in rows.data:
        if part is not None:
            _require_finite(rows.table, part, rows.numbers, loaded.model.dtype)
    return rows


def _rows_for_model(
    options: argparse.Namespace, columns: Origin, context: Origin | None, is_apart: bool
) -> Rows:
    if context is None and (options.context or options.context_file):
        raise Mistake("the model takes no context, but got one.")
    table, apart = _open_both(options)
    if context is None:
        return _read(options, table, locate(table, columns, options.columns), None, [])
    if is_apart or apart or options.columns or options.context:
        by_name = table.headers and context.headers
        if is_apart and not (apart or options.context or by_name):
            raise Mistake(
                "the model takes a context: say where it is with --context-file or "
                "--context."
            )
        chosen = locate(table, columns, options.columns)
        context_chosen = locate(apart or table, context, options.context)
        return _read(options, table, chosen, apart, context_chosen)
    chosen = locate(table, columns.beside(context))
    size = len(columns.positions)
    return _read(options, table, chosen[:size], None, chosen[size:])


def read_context(
    options: argparse.Namespace, context: Origin, dtype: str
) -> np.ndarray:
    """Read the contexts to sample for, ``[N, C]``, of a model of this dtype.

    Raises:
        Mistake: what `read_for_model` raises.
    """
    table = _open(options, options.context_file)
    positions = locate(table, context, options.context)
    (values,), numbers, _ = _good_rows([(table, positions)], options.skip_bad_rows)
    _require_finite(table.name, values, numbers, dtype)
    return values


def _require_finite(
    table: str, values: np.ndarray, numbers: np.ndarray, dtype: str
) -> None:
    """Refuses numbers that are finite, but not in the model's dtype."""
    largest = np.finfo(dtype).max
    if (rows := np.flatnonzero((np.abs(values) > largest).any(axis=1))).size:
        raise Mistake(
            f"{table}, row {numbers[rows[0]] + 1}: has a number beyond {largest:.1e}, "
            "the largest that the model can take."
        )


def _open(options: argparse.Namespace, path: str) -> Table:
    return open_table(path, delimiter=options.delimiter, header=options.header)


def _open_both(options: argparse.Namespace) -> tuple[Table, Table | None]:
    """Open the table, and that of the context if it is another file."""
    path = options.context_file
    if path is None:
        return _open(options, options.data), None
    if path == options.data == "-":
        raise Mistake("standard input cannot be both the table and its context.")
    return _open(options, options.data), _open(options, path)


def _read(
    options: argparse.Namespace,
    table: Table,
    columns: Sequence[int],
    apart: Table | None,
    context: Sequence[int],
) -> Rows:
    source = apart or table
    parts = [(table, columns), *([(source, context)] if context else [])]
    values, numbers, num_rows = _good_rows(parts, options.skip_bad_rows)
    return Rows(
        data=Data(values[0], values[1] if context else None),
        columns=Origin.of(table, columns),
        context_columns=Origin.of(source, context) if context else None,
        context_apart=apart is not None,
        numbers=numbers,
        num_rows=num_rows,
        table=table.name,
    )


def _good_rows(
    parts: Sequence[tuple[Table, Sequence[int]]], skip_bad_rows: bool
) -> tuple[list[np.ndarray], np.ndarray, int]:
    """Read columns of tables side by side.

    Args:
        parts: tables, and the positions of columns in them.
        skip_bad_rows: whether to leave out rows that are bad in one of them.

    Returns:
        The numbers of each table; which rows these are; and how many there were.

    Raises:
        Mistake: tables of unlike length; bad rows, if they are not to be left out; no
            good row.
    """
    tables = [table.read(positions) for table, positions in parts]
    num_rows = len(tables[0].values)
    fault_of: dict[int, str] = {}
    for (table, _), columns in zip(parts, tables, strict=True):
        if len(columns.values) != num_rows:
            raise Mistake(
                f"{table.name} has {count(len(columns.values), 'row')}, but "
                f"{parts[0][0].name} has {count(num_rows, 'row')}: each row needs a "
                "context."
            )
        for row, fault in columns.bad.items():
            fault_of.setdefault(row, f"{table.name}, {fault}")
    faults = [fault_of[row] for row in sorted(fault_of)]
    good = ~np.any([np.isnan(c.values).any(axis=1) for c in tables], axis=0)
    if faults and not skip_bad_rows:
        raise Mistake(_words(faults, num_rows))
    for fault in faults[:_MOST_REPORTED]:
        note(fault)
    if faults:
        note(f"{count(len(faults), 'bad row')} of {num_rows:,} left out")
    if not good.any():
        raise Mistake(f"{parts[0][0].name} has no good row.")
    return [c.values[good] for c in tables], np.flatnonzero(good), num_rows


def _words(faults: Sequence[str], num_rows: int) -> str:
    if len(faults) == num_rows:
        return (
            f"{faults[0]} (no row is good: if these columns are not for the model, "
            "choose others with --columns)"
        )
    all_in_all = f"; {len(faults):,} bad rows in all" if len(faults) > 1 else ""
    return f"{faults[0]}{all_in_all} (--skip-bad-rows leaves bad rows out)"
