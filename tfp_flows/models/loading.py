"""The file of a model: checked before Keras reads it."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras

_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
# Keras stores without compression: what unpacks to much more than it is, is a bomb.
_MOST_RATIO = 50
_MOST_CONFIG = 64 * 2**20


def load_model(filepath: str | os.PathLike, **kwargs: Any) -> Any:
    """Read a ``.keras`` file, as ``keras.models.load_model`` does, and check it before.

    What is damaged is told from what is missing, and a file that would fill the memory
    when it is unpacked is refused. Nothing in a file is run.

    Args:
        filepath: of the file.
        **kwargs: the other arguments of ``keras.models.load_model``.

    Raises:
        FileNotFoundError: there is no such file.
        IsADirectoryError: it is a folder.
        ValueError: it is no ``.keras`` file, or damaged; of a newer version; or holds
            what no file of this package may hold.

    >>> import tempfile, tfp_flows
    >>> model = tfp_flows.FlowModel(tfp_flows.flows.linear(2, seed=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/m.keras")
    ...     copy = tfp_flows.load_model(f"{folder}/m.keras")
    >>> type(copy).__name__
    'FlowModel'
    """
    check_file(filepath)
    try:
        return keras.models.load_model(filepath, **kwargs)
    except Exception as error:  # Keras raises whatever the file makes it stumble over.
        is_told = isinstance(error, ValueError) and not isinstance(
            error, json.JSONDecodeError
        )
        if is_told or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise ValueError(
            f"{filepath} is damaged, or was changed: {type(error).__name__}: "
            f"{str(error)[:500]}"
        ) from error


def check_file(filepath: str | os.PathLike) -> None:
    """Refuse what is no whole ``.keras`` file, before it is unpacked.

    Raises:
        FileNotFoundError, IsADirectoryError, ValueError: as `load_model`.
    """
    path = Path(filepath)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, but a .keras file is one file.")
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.suffix != ".keras":
        raise ValueError(f"The name of a model ends in .keras, but got {path}.")
    if not path.stat().st_size:
        raise ValueError(f"{path} is damaged: it is empty.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members)
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"{path} is damaged, or no .keras file: cut off or changed ({error})."
        ) from error
    except (OSError, zipfile.zlib.error, UnicodeDecodeError) as error:  # type: ignore[attr-defined]
        raise ValueError(f"{path} is damaged: {error}.") from error
    if damaged:
        raise ValueError(f"{path} is damaged: its part {damaged} was changed.")


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if missing := sorted(_MEMBERS - set(names)):
        raise ValueError(f"{path} is damaged: it has no {', '.join(missing)}.")
    for name in names:
        if name.startswith(("/", "\\")) or ".." in Path(name).parts or ":" in name:
            raise ValueError(
                f"{path} has a part with the name {name!r}, which leads out of it: do "
                "not trust it."
            )
    if len(set(names)) < len(names):
        raise ValueError(f"{path} has two parts of one name: do not trust it.")
    size = sum(member.file_size for member in members)
    packed = path.stat().st_size
    config = max(m.file_size for m in members if m.filename.endswith(".json"))
    if size > 2**20 + _MOST_RATIO * packed or config > _MOST_CONFIG:
        raise ValueError(
            f"{path} would unpack {packed:,} bytes to {size:,}, which no file of this "
            "package does: do not trust it."
        )
