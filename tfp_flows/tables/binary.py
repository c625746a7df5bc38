"""Tables of NumPy and of Parquet."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tfp_flows.tables.table import Columns, Table, TableError, column_label


def open_npy(name: str, data: bytes) -> Table:
    """Opens an array ``[N, D]``; ``[N]`` is one column.

    Raises:
        TableError: another array, or none.
    """
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise TableError(
            f"{name} is no NPY file that can be read, it may have been cut off: {error}"
        ) from error
    if array.ndim == 1 and array.dtype.names is None:
        array = array[:, None]
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise TableError(
            f"{name} must hold numbers in rows and columns, but holds {array.dtype} of "
            f"shape {array.shape}."
        )
    if not array.size:
        raise TableError(f"{name} is empty: its shape is {array.shape}.")

    def read(positions: Sequence[int]) -> Columns:
        values = array[:, list(positions)].astype(np.float64)
        return _checked(values, [column_label(p, None) for p in positions])

    return Table(name, None, array.shape[1], read)


def open_parquet(name: str, data: bytes) -> Table:
    """Opens a Parquet file; its columns may be of any kind until they are read.

    Raises:
        TableError: it cannot be read, or is empty.
    """
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            f"{name} is no Parquet file that can be read, it may have been cut off: "
            f"{error}"
        ) from error
    if not schema.names or not file.metadata.num_rows:
        raise TableError(f"{name} is empty: it has no rows.")

    def read(positions: Sequence[int]) -> Columns:
        labels = [column_label(p, schema.names[p]) for p in positions]
        for position, label in zip(positions, labels, strict=True):
            if not _is_number(schema.types[position]):
                raise TableError(
                    f"{name}: {label} has no numbers, but {schema.types[position]}."
                )
            if schema.names.count(schema.names[position]) > 1:
                raise TableError(
                    f"{name} has several columns named {schema.names[position]!r}: "
                    "rename all but one."
                )
        try:
            table = file.read(columns=[schema.names[p] for p in positions])
        except (pa.ArrowException, OSError) as error:
            raise TableError(f"{name} is damaged: {error}") from error
        columns = [table.column(schema.names[p]) for p in positions]
        numbers = [pc.cast(c, pa.float64(), safe=False).to_numpy() for c in columns]
        return _checked(np.stack(numbers, axis=1), labels)

    return Table(name, tuple(schema.names), len(schema.names), read)


def _is_number(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    return any(test(kind) for test in (*tests, pa.types.is_decimal))


def _checked(values: np.ndarray, labels: list[str]) -> Columns:
    bad = {}
    for row in np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
        column = np.flatnonzero(~np.isfinite(values[row]))[0]
        value = values[row, column]
        fault = "the number is missing" if np.isnan(value) else f"{value} is not finite"
        bad[row] = f"row {row + 1}, {labels[column]}: {fault}"
    values[list(bad)] = np.nan
    return Columns(values, bad)
