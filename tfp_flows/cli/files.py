"""Files, folders and standard output, which the command writes."""

import errno
import os
import sys
from pathlib import Path

from tfp_flows.files import replacing, require_writable

STANDARD_OUTPUT = "-"


def require_output(path: str) -> None:
    """Raises now what `write` would raise later.

    Raises:
        OSError: it cannot be written.
    """
    is_special = Path(path).exists() and not (
        Path(path).is_file() or Path(path).is_dir()
    )
    if path != STANDARD_OUTPUT and not is_special:
        require_writable(Path(path))


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
