"""The choice of columns of a table."""

import argparse
from collections.abc import Sequence

from tfp_flows.cli.messages import Mistake, count, listed
from tfp_flows.cli.record import Origin
from tfp_flows.tables import Table, find_columns


def choose_to_fit(
    options: argparse.Namespace, table: Table, apart: Table | None
) -> tuple[list[int], list[int]]:
    """Find the positions of columns and context, as the user wants them.

    Raises:
        Mistake: a column in both, none left, or two of one name.
    """
    columns = context = None
    if options.columns is not None:
        columns = find_columns(table, options.columns)
    if options.context is not None:
        context = find_columns(apart or table, options.context)
    if apart is not None:
        columns = columns or list(range(table.width))
        context = context or list(range(apart.width))
    else:
        context = context or []
        columns = columns or [p for p in range(table.width) if p not in context]
        if shared := [table.label(p) for p in columns if p in context]:
            raise Mistake(f"{shared[0]} is both in --columns and in --context.")
    if not columns:
        raise Mistake(f"{table.name}: all columns are the context, none is left.")
    names = []  # Of the context, too: samples are written beside it.
    for source, positions in ((table, columns), (apart or table, context)):
        names += [source.headers[p] for p in positions] if source.headers else []
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise Mistake(
            f"{table.name}: several of the columns chosen are named {name!r}: leave "
            "one out with --columns, or rename it."
        )
    return columns, context


def locate(table: Table, origin: Origin, chosen: str | None = None) -> list[int]:
    """Find the positions, in another table, of the columns that a model knows.

    They go by name if they have names here and there; else by position, in a table as
    wide as the one for training or with just these columns.

    Args:
        table: that is to have them.
        origin: where they were in training.
        chosen: the user's choice, which goes before all else.

    Raises:
        Mistake: they cannot be found.
    """
    size = len(origin.positions)
    if chosen is not None:
        positions = find_columns(table, chosen)
        if len(positions) != size:
            raise Mistake(
                f"the model takes {count(size, 'column')}, but {len(positions)} were "
                f"chosen by {chosen!r}."
            )
        return positions
    if table.headers and origin.headers:
        return _by_name(table.name, table.headers, origin.headers)
    if table.width == origin.width:
        return origin.positions
    if table.width == size:
        return [sorted(origin.positions).index(p) for p in origin.positions]
    raise Mistake(
        f"{table.name} has {count(table.width, 'column')}, but the model was trained "
        f"on {size} of {origin.width}, and there are no names to find them by: choose "
        "them with --columns (and --context)."
    )


def _by_name(table: str, headers: Sequence[str], names: Sequence[str]) -> list[int]:
    missing = [name for name in names if name not in headers]
    if missing:
        raise Mistake(
            f"{table} lacks {count(len(missing), 'column')} of the model: "
            f"{listed(missing)}."
        )
    for name in names:
        if headers.count(name) > 1:
            raise Mistake(
                f"{table} has several columns named {name!r}: choose with "
                "--columns, by number."
            )
    return [headers.index(name) for name in names]
