"""Files, folders and standard output, which the command writes."""

import errno
import os
import sys
from pathlib import Path

from tfp_flows.files import replacing, require_writable

STANDARD_INPUT = STANDARD_OUTPUT = "-"


def require_inputs(*paths: str | None) -> None:
    """Raises now what reading would raise later; standard input and pipes may wait.

    Raises:
        OSError: one of them cannot be read.
    """
    for path in paths:
        if path and path != STANDARD_INPUT and not _is_special(path):
            open(path, "rb").close()


def require_output(path: str) -> None:
    """Raises now what `write` would raise later.

    Raises:
        OSError: it cannot be written.
    """
    if path != STANDARD_OUTPUT and not _is_special(path):
        require_writable(Path(path))


def _is_special(path: str) -> bool:
    """Whether it is a pipe, a terminal or the like."""
    place = Path(path)
    return place.exists() and not (place.is_file() or place.is_dir())


def require_folder(path: Path) -> None:
    """Raises now what making a folder, and files in it, would raise later.

    Raises:
        OSError: it cannot be made, or no file can be written in it.
    """
    nearest = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(
            errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest)
        )
    require_writable(nearest / f"{path.name}.png")


def write(path: str, content: bytes) -> None:
    """Writes a file whole, or standard output for ``"-"``.

    Raises:
        OSError: it cannot be written.
    """
    if path == STANDARD_OUTPUT:
        _write_standard_output(content)
    elif Path(path).exists() and not Path(path).is_file():
        _write_special(path, content)
    else:
        with replacing(Path(path)) as unfinished:
            unfinished.write_bytes(content)


def _write_special(path: str, content: bytes) -> None:
    """Write to /dev/null, a named pipe or the like, which cannot be replaced."""
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def _write_standard_output(content: bytes) -> None:
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except OSError as error:
        # Or Python tries once more when it ends, and prints a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OSError(error.errno, error.strerror, "standard output") from error
