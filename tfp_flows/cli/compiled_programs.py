"""Programs that XLA has compiled, kept from one run of the command to the next.

XLA stops a run for an entry that is damaged. Each run therefore reads and writes a
folder of its own, with links to those entries that are as they were written; new ones
are added to the store when it ends.
"""

import contextlib
import hashlib
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from tfp_flows.cli.messages import Failure

_FLAGS = "TF_XLA_FLAGS"
_FLAG = "--tf_xla_persistent_cache_directory"
_MOST_BYTES = 256 * 2**20
# XLA stops a run for a disk that is full, too.
_FEWEST_FREE_BYTES = 2**30
_SUFFIX = ".pb"
_RUN = "run-"
# A run that was killed leaves its folder behind.
_OLDEST_RUN = 86_400.0


@contextlib.contextmanager
def program_cache(is_wanted: bool) -> Iterator[None]:
    """Lets XLA, if TensorFlow is not loaded yet, keep programs in the user's cache.

    Without a folder that can be written there is none, and flags of the user's that
    have a cache of their own, or are in a file, stay as they are.

    Raises:
        Failure: the cache could not be written while the program ran.
    """
    flags = os.environ.get(_FLAGS, "")
    if "tensorflow" in sys.modules or not is_wanted or not _can_be_joined(flags):
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            store = _store()
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(
                    prefix=_RUN, dir=store, ignore_cleanup_errors=True
                )
            )
            _tidy(store)
            _link(store, Path(folder))
        except (OSError, RuntimeError):  # The latter of a user without a home.
            yield
            return
        os.environ[_FLAGS] = f"{flags} {_FLAG}='{folder}'".strip()
        try:
            yield
        except Exception as error:
            if folder in str(
                error
            ):  # XLA's, which ends a run if it cannot write there.
                raise Failure(
                    f"{store}, the cache of compiled programs, cannot be used (--no-"
                    f"cache does without): {' '.join(str(error).split())[:300]}"
                ) from error
            raise
        finally:
            with contextlib.suppress(OSError):
                _keep(Path(folder), store)


def _can_be_joined(flags: str) -> bool:
    return _FLAG not in flags and (not flags or flags.startswith("-"))


def cache_folder() -> Path:
    """The folder of the package in the user's cache."""
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "tfp_flows"
    if sys.platform == "win32":
        return Path.home() / "AppData" / "Local" / "tfp_flows" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tfp_flows"
    return Path.home() / ".cache" / "tfp_flows"


def _store() -> Path:
    """The folder for this machine and this TensorFlow, made if it is missing."""
    store = cache_folder() / "xla" / _machine()
    if "'" in str(store):
        raise OSError("XLA could not be told its name")
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    # What is in it is run.
    if hasattr(os, "geteuid") and store.stat().st_uid != os.geteuid():
        raise PermissionError("the folder is another user's")
    if shutil.disk_usage(store).free < _FEWEST_FREE_BYTES:
        raise OSError("the disk is nearly full")
    return store


def _machine() -> str:
    """A name for all that programs depend on and that XLA does not compare."""
    words = [platform.platform(), platform.machine()]
    words += [os.environ.get(name, "") for name in ("XLA_FLAGS", _FLAGS)]
    # Not imported, and not its version, for builds of one version differ.
    if (spec := importlib.util.find_spec("tensorflow")) and spec.origin:
        words += [spec.origin, str(os.stat(spec.origin).st_mtime_ns)]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        words += sorted({x for x in lines if x.startswith(("model name", "flags"))})
    for path in sorted(Path("/proc/driver/nvidia").glob("gpus/*/information")):
        words.append(path.read_text())
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def _tidy(store: Path) -> None:
    """Removes what runs that were killed left, and the oldest of too many entries."""
    for run in store.parent.glob(f"*/{_RUN}*"):
        if time.time() - run.stat().st_mtime > _OLDEST_RUN:
            shutil.rmtree(run, ignore_errors=True)
    entries = store.parent.glob(f"*/*{_SUFFIX}")
    newest_first = sorted(entries, key=lambda path: path.stat().st_mtime, reverse=True)
    size = 0
    for path in newest_first:
        size += path.stat().st_size
        if size > _MOST_BYTES:
            path.unlink(missing_ok=True)


def _link(store: Path, folder: Path) -> None:
    """Links the entries that are whole into the folder of a run."""
    for path in store.glob(f"*{_SUFFIX}"):
        checksum, _, name = path.name.partition("-")
        # Two runs at once may have compiled the same, and not to the same bytes.
        if checksum != _checksum(path) or (folder / name).exists():
            path.unlink(missing_ok=True)
        else:
            os.link(path, folder / name)


def _keep(folder: Path, store: Path) -> None:
    """Moves the entries of a run to the store."""
    for path in folder.glob(f"*{_SUFFIX}"):
        if path.stat().st_nlink == 1:  # The others were there before.
            path.replace(store / f"{_checksum(path)}-{path.name}")


def _checksum(path: Path) -> str:
    return f"{zlib.crc32(path.read_bytes()):08x}"
