"""The preparation of rows before training."""

import math
from collections.abc import Sequence

import numpy as np

from tfp_flows import tables
from tfp_flows.cli.inputs import Data, Rows
from tfp_flows.cli.messages import Mistake, count, listed, note
from tfp_flows.cli.record import Origin

_FEWEST_ROWS = 10
_MOST_COLUMNS = 1000
_TIED = 0.1
_OFFER = "add noise with --noise 0.001"

# With a mean of more deviations than these, float32 rounds too much of a value away.
_FARTHEST_IN_FLOAT32 = 1000.0


def require_size(rows: Rows) -> None:
    """Refuses too few rows and too many columns.

    Raises:
        Mistake: so it is.
    """
    num_rows, num_columns = rows.data.points.shape
    if num_rows < _FEWEST_ROWS:
        raise Mistake(
            f"{rows.table} has {count(num_rows, 'good row')}, but a density needs "
            f"{_FEWEST_ROWS} or more."
        )
    if num_columns > _MOST_COLUMNS:
        raise Mistake(
            f"{rows.table}: {count(num_columns, 'column')} are more than a flow of "
            f"tables can take, {_MOST_COLUMNS:,}: choose some with --columns."
        )


def add_noise(
    points: np.ndarray, noise: float, generator: np.random.Generator
) -> np.ndarray:
    """Normal noise, ``noise`` deviations of each column wide.

    A constant column has no deviation: there it is ``noise`` times its value, or
    ``noise`` itself for 0.
    """
    size = np.abs(points[0])
    scale = np.where(
        points.min(axis=0) < points.max(axis=0),
        points.std(axis=0),
        np.where(size > 0, size, 1.0),
    )
    return points + noise * scale * generator.standard_normal(points.shape)


def split(
    num_rows: int,
    held_out: float,
    batch_size: int | None,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Rows for training, rows held out, and the batch size.

    A few rows more are held out than asked for, so that all batches have one size: XLA
    compiles each size anew.
    """
    num_held_out = min(max(1, round(num_rows * held_out)), num_rows - 2)
    num_train = num_rows - num_held_out
    if batch_size is None:
        target = 2 ** round(math.log2(max(num_train / 50, 1)))
        target = min(max(target, 32), 512, num_train)
        sizes = range(target, target // 2, -1)
        remainder = {size: num_train % size for size in sizes}
        few = [size for size in sizes if remainder[size] <= num_train // 100]
        batch_size = few[0] if few else min(sizes, key=remainder.__getitem__)
        num_train -= num_train % batch_size
    order = generator.permutation(num_rows)
    # In the order of the table, for whoever looks at them.
    return np.sort(order[:num_train]), np.sort(order[num_train:]), batch_size


def require_density(rows: Rows, train: Data, has_noise: bool) -> None:
    """Refuses what has no density, and warns of what seems to have none.

    Args:
        rows: of the table.
        train: those for training, with the noise.
        has_noise: whether there is noise.

    Raises:
        Mistake: constant columns, copies, or columns that follow from others.
    """
    points, context = train
    labels = _labels(rows.columns)

    def refuse(positions: Sequence[int], fault: str):
        named = listed([labels[p] for p in positions])
        raise Mistake(
            f"{rows.table}: {named} {fault}, so that no density exists: leave it out "
            f"with --columns, or {'add more noise' if has_noise else _OFFER}."
        )

    if constant := tables.find_constant(points):
        refuse(constant[:1], f"is {points[0, constant[0]]:g} in every row for training")
    origin = rows.context_columns
    if origin and context is not None and (constant := tables.find_constant(context)):
        label = _labels(origin)[constant[0]]
        raise Mistake(f"the context's {label} is constant: leave it out of --context.")
    if copies := tables.find_copies(points):
        i, j = copies[0]
        refuse([j], f"is a copy of {labels[i]}")
    for group in tables.find_dependent(points, context)[:1]:
        if len(group) == 1:
            refuse(group, "follows from the context")
        refuse(group, "follow from one another, as a sum does from its parts")
    if not has_noise:
        _warn_of_ties(rows.table, points, labels)


def _warn_of_ties(table: str, points: np.ndarray, labels: Sequence[str]) -> None:
    shares = tables.find_ties(points)
    tied = np.flatnonzero(shares > _TIED)
    if tied.size:
        note(
            f"warning: {table}: {listed([labels[p] for p in tied])} "
            f"{'repeats' if tied.size == 1 else 'repeat'} values (up to "
            f"{100 * shares.max():.0f} % of the rows have one that another row has), "
            "where a density has no limit and a good NLL means nothing: "
            f"{_OFFER}."
        )


def warn_of_numbering(rows: Rows) -> None:
    """Warns of columns that number the rows, as the index that pandas writes.

    Args:
        rows: in the order of the table.
    """
    labels = _labels(rows.columns)
    steps = np.diff(rows.data.points, axis=0) / np.diff(rows.numbers)[:, None]
    is_even = (steps.min(axis=0) == steps.max(axis=0)) & (steps[0] != 0)
    for position in np.flatnonzero(is_even):
        note(
            f"warning: {rows.table}: {labels[position]} numbers the rows, in even "
            "steps: a column to leave out with --columns?"
        )


def _labels(origin: Origin) -> list[str]:
    names = origin.headers or [""] * len(origin.positions)
    return list(map(tables.column_label, origin.positions, names))


def dtype_for(data: Data) -> str:
    """float32, unless that cannot tell the rows apart."""
    parts = [part for part in data if part is not None]
    farthest = max((np.abs(p.mean(axis=0)) / p.std(axis=0)).max() for p in parts)
    scales = np.concatenate([np.abs(p).max(axis=0) for p in parts])
    is_wide = (
        farthest > _FARTHEST_IN_FLOAT32 or scales.max() > 1e30 or scales.min() < 1e-30
    )
    return "float64" if is_wide else "float32"
