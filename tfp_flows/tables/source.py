"""The opening of a table, from a path or standard input."""

import bz2
import gzip
import lzma
import sys
import zlib
from pathlib import Path

from tfp_flows.tables.binary import open_npy, open_parquet
from tfp_flows.tables.table import Table, TableError
from tfp_flows.tables.text import open_text

_COMPRESSED = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
}
_BINARY = {b"\x93NUMPY": open_npy, b"PAR1": open_parquet}
_REFUSED = {
    b"PK\x03\x04": "a zip archive or an Excel sheet",
    b"\xd0\xcf\x11\xe0": "an old Excel sheet",
    b"\x89HDF": "an HDF5 file",
}


def open_table(
    path: str, *, delimiter: str | None = None, header: bool | None = None
) -> Table:
    """Opens a CSV, TSV, NPY or Parquet file.

    Its kind is found from its first bytes, so that it may come through a pipe and have
    any name; text may be compressed by gzip, bzip2 or xz.

    Args:
        path: of the file; ``"-"`` is standard input.
        delimiter: between the columns of text, a space for any blanks; found from the
            first lines if not given.
        header: whether the first line of text has the names of the columns; found from
            that line if not given.

    Raises:
        OSError: the file cannot be read.
        TableError: it is empty, or no table.
    """
    name = "standard input" if path == "-" else str(path)
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    data = _unpacked(name, data)
    for start, kind in _REFUSED.items():
        if data.startswith(start):
            raise TableError(
                f"{name} is {kind}, not a table that can be read: save it as CSV."
            )
    for start, open_binary in _BINARY.items():
        if data.startswith(start):
            return open_binary(name, data)
    return open_text(name, data, delimiter, header)


def _unpacked(name: str, data: bytes) -> bytes:
    for start, decompress in _COMPRESSED.items():
        if data.startswith(start):
            try:
                return decompress(data)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise TableError(
                    f"{name} is compressed and cannot be unpacked, it may have been "
                    f"cut off: {error}"
                ) from error
    return data
