"""Files written whole or not at all."""

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STANDARD_OUTPUT = "-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside ``path``, which takes its place if nothing goes wrong.

    What was at ``path`` before stays until then, also if the disk is full.

    Raises:
        OSError: no file can be written there; its name is ``path``.
    """
    unfinished = None
    try:
        unfinished = _new_file_beside(path)
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(os.path.realpath(path))  # A link stays a link.
    except OSError as error:
        # Not the name of the unfinished file, which says nothing to anybody.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)


def _new_file_beside(path: Path) -> Path:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists():
        path.open("ab").close()  # What may not be changed may not be replaced either.
    target = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix
    )
    os.close(handle)
    # mkstemp lets nobody else read the file.
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
    return Path(name)


def require_writable(path: Path) -> None:
    """Raises now what writing ``path`` would raise later.

    Raises:
        OSError: no file can be written there.
    """
    try:
        _new_file_beside(path).unlink()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


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
    """Such as /dev/null, or a named pipe: it cannot be replaced."""
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
