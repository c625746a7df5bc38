"""Files written whole or not at all: safe from kills, full disks and missing rights.

A file is written beside its target and then replaces it, which the system does at
once or not at all: at any time the target is the earlier file or the new one, whole.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Give a path to write to; what it holds in the end replaces ``path``.

    It is in a folder of its own beside ``path``, hidden, which a kill leaves behind;
    what else is written there, as by a program that writes a file in parts, comes
    along. A link stays a link, and a file keeps its rights.

    Raises:
        OSError: no file can be written there; its name is ``path``, which is as it was.
    """
    # The file that a link stands for, not the link, is replaced.
    target = Path(os.path.realpath(path))
    try:
        _check_replaceable(target)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder, target.name)
            parts = Path(folder).iterdir()
            # Of a file in parts, the one that lists them comes last.
            for part in sorted(parts, key=lambda part: part.name == target.name):
                _to_disk(part)
                if (target.parent / part.name).exists():
                    part.chmod((target.parent / part.name).stat().st_mode & 0o777)
                part.replace(target.parent / part.name)
    except OSError as error:
        # Not the name of the unfinished file, which says nothing to anybody.
        reason = error.strerror or str(error)
        if target.is_file():
            reason += "; what was there before is unchanged"
        raise OSError(error.errno, reason, str(path)) from error


def require_writable(path: str | os.PathLike) -> None:
    """Raise now what `replacing` would raise later.

    Raises:
        OSError: no file can be written there.
    """
    with replacing(path):
        pass


def _check_replaceable(target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if target.exists():
        target.open("ab").close()  # What may not be changed may not be replaced either.


def _to_disk(path: Path) -> None:
    # A full disk may become known only here.
    with path.open("rb+") as file:
        os.fsync(file.fileno())
