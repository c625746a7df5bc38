"""Tables of text: CSV, TSV and their like."""

import csv
import io
import itertools
import math
import re
import warnings
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfp_flows.tables.cells import as_float, fault_of, is_missing, to_number
from tfp_flows.tables.table import Columns, Table, TableError, column_label, shortened

_BLANKS = " "


@dataclass(frozen=True)
class _Text:
    """A table of text whose first row is known.

    ``data_from`` is the number of lines before the data.
    """

    name: str
    data: bytes
    encoding: str
    delimiter: str
    headers: tuple[str, ...] | None
    width: int
    data_from: int

    def read(self, positions: Sequence[int]) -> Columns:
        """Read by pandas if all is well; look for faults line by line if not."""
        values = self._read_clean(list(positions))
        if values is not None:
            return Columns(values, {})
        return self._read_line_by_line(positions)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        rows = _rows(self.name, self.data, self.encoding, self.delimiter)
        return itertools.dropwhile(lambda row: row[0] <= self.data_from, rows)

    def _read_clean(self, positions: list[int]) -> np.ndarray | None:
        """The numbers of a table without any fault; ``None`` if it has one."""
        # Both are what pandas reads without a word: an empty cell too many in the first
        # row, and, as it counts lines, not rows, a quoted name of two lines.
        if len(next(self._rows())[1]) != self.width or b'"' in self.data:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                frame = pd.read_csv(
                    io.BytesIO(self.data),
                    sep=r"\s+" if self.delimiter == _BLANKS else self.delimiter,
                    encoding=self.encoding,
                    header=None,
                    names=range(self.width),
                    skiprows=self.data_from,
                    index_col=False,
                    low_memory=False,
                )
        except (pd.errors.ParserError, pd.errors.ParserWarning):
            return None
        chosen = frame[positions]
        is_short = frame[self.width - 1].isna().any()  # Pandas fills short rows up.
        if is_short or any(dtype.kind not in "iuf" for dtype in chosen.dtypes):
            return None
        values = chosen.to_numpy(np.float64)
        return values if np.isfinite(values).all() else None

    def _read_line_by_line(self, positions: Sequence[int]) -> Columns:
        numbers, bad = array("d"), {}
        nothing = [math.nan] * len(positions)
        for row, (line, cells) in enumerate(self._rows()):
            is_whole = len(cells) == self.width
            values = [to_number(cells[p]) for p in positions] if is_whole else nothing
            if not is_whole:
                bad[row] = f"line {line}: {_cells(len(cells))} in place of {self.width}"
            elif any(map(math.isnan, values)):
                position = positions[list(map(math.isnan, values)).index(True)]
                bad[row] = f"line {line}, {self._fault(cells[position], position)}"
                values = nothing
            numbers.extend(values)
        return Columns(np.frombuffer(numbers).reshape(-1, len(positions)), bad)

    def _fault(self, cell: str, position: int) -> str:
        header = self.headers[position] if self.headers else None
        return f"{column_label(position, header)}: {fault_of(cell, header)}"


def open_text(
    name: str, data: bytes, delimiter: str | None, header: bool | None
) -> Table:
    """Opens text.

    Args:
        name: what messages call it.
        data: all of it.
        delimiter: as for `open_table`.
        header: as for `open_table`.

    Raises:
        TableError: it is no text, is empty, or has no rows; or a first line that may be
            a header or not.
    """
    encoding = _encoding(name, data)
    if data.startswith(b"# "):
        data = data[2:]  # So NumPy's savetxt begins a header.
    delimiter = delimiter or _found_delimiter(data, encoding)
    rows = _rows(name, data, encoding, delimiter)
    line, cells = next(rows, (0, None))
    if cells is None:
        raise TableError(f"{name} is empty.")
    if header is None:
        header = _is_header(name, line, cells)
    second = next(rows, None)
    if header and second is None:
        raise TableError(f"{name} has a header and no rows.")
    # A quoted header may go over several lines.
    text = _Text(
        name,
        data,
        encoding,
        delimiter,
        headers=tuple(cell.strip() for cell in cells) if header else None,
        width=len(cells),
        data_from=second[0] - 1 if header and second else 0,
    )
    return Table(name, text.headers, text.width, text.read)


def _rows(
    name: str, data: bytes, encoding: str, delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the number of the line where it begins."""
    lines = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")
    if delimiter == _BLANKS:
        for number, text in enumerate(lines, start=1):
            if cells := text.split():
                yield number, cells
        return
    reader = csv.reader(lines, delimiter=delimiter)
    line = 1
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"{name}, line {line}: {error}.") from error


def _encoding(name: str, data: bytes) -> str:
    is_utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TableError(
            f"{name}, line {line}: neither text in UTF-8 nor an NPY or Parquet "
            "file. If it is text, save it in UTF-8."
        ) from error
    return encoding


def _found_delimiter(data: bytes, encoding: str) -> str:
    lines = io.TextIOWrapper(io.BytesIO(data), encoding=encoding)
    first = list(itertools.islice((line for line in lines if line.strip()), 2))
    # What is in quotes is part of a name.
    bare = [re.sub(r'"[^"]*"', "x", line.strip("\n")) for line in first]
    for delimiter in ("\t", ";", ","):
        if any(delimiter in line for line in bare):
            return delimiter
    # A single column may have a name of two words.
    counts = {len(line.split()) for line in bare}
    return _BLANKS if len(counts) == 1 and counts.pop() > 1 else ","


def _is_header(name: str, line: int, cells: list[str]) -> bool:
    words = [c.strip() for c in cells if not is_missing(c)]
    numbers = [word for word in words if not math.isnan(as_float(word))]
    if len(words) > 1 and words == [str(i) for i in range(len(words))]:
        raise TableError(
            f"{name}, line {line}: 0, 1, … may be data, or names, as pandas gives "
            "them: say --header if they are names, --no-header if they are data."
        )
    if numbers and len(numbers) < len(words):
        word = next(w for w in words if w not in numbers)
        raise TableError(
            f"{name}, line {line}: has numbers, such as {shortened(numbers[0])}, and "
            f"words, such as {shortened(word)!r}: say --header if these are the names "
            "of the columns, --no-header if they are data."
        )
    return bool(words) and not numbers


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"
