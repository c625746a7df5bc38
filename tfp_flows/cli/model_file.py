"""Model files: Keras's, with a record of the table beside the model."""

import contextlib
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

import tfp_flows
from tfp_flows.cli.messages import Mistake, note
from tfp_flows.cli.record import Origin, Record
from tfp_flows.files import replacing
from tfp_flows.models.loading import load_model

SUFFIX = ".keras"
# Keras reads the members that it knows, and leaves others alone.
_RECORD = "tfp_flows_table.json"
_METADATA = "metadata.json"
_MEMBERS = {_METADATA, "config.json", "model.weights.h5"}
# Keras puts whole configurations into its errors.
_LONGEST_REASON = 300


@dataclass(frozen=True)
class LoadedModel:
    """A model from a file.

    Args:
        model: itself.
        record: how it came about, ``None`` if Python saved it.
        columns: that it describes.
        context: that it takes, or ``None``.
        context_apart: whether the context was in a table of its own in training.
    """

    model: tfp_flows.FlowModel
    record: Record | None
    columns: Origin
    context: Origin | None
    context_apart: bool


def save(model: tfp_flows.FlowModel, record: Record, path: Path) -> None:
    """Write a model, which replaces what was at ``path`` once all is written.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as unfinished:
        model.save(unfinished)
        with zipfile.ZipFile(unfinished, "a") as archive:
            archive.writestr(_RECORD, record.to_json())


def save_or_rescue(model: tfp_flows.FlowModel, record: Record, path: Path) -> None:
    """Save; if that fails, put the model where temporary files are.

    Raises:
        OSError: what `save` raises, also where the model was rescued.
    """
    try:
        save(model, record, path)
    except OSError:
        # An hour of training is not to be lost to a disk that is full.
        with contextlib.suppress(OSError):
            rescued = Path(tempfile.mkdtemp(prefix="tfp_flows_")) / path.name
            save(model, record, rescued)
            note(f"the trained model is in {rescued}, for it could not be written.")
        raise


def load(path: str) -> LoadedModel:
    """Reads a model.

    Raises:
        OSError: the file cannot be read.
        Mistake: it is no model, or damaged, or of another version.
    """
    if not path.endswith(SUFFIX) and Path(path).is_file():
        raise Mistake(f"{path} is no model: the name of a model ends in {SUFFIX}.")
    parts = _checked_parts(path)
    try:
        record = Record.from_json(parts[_RECORD]) if _RECORD in parts else None
        model = load_model(path)
    except Exception as error:  # Keras raises whatever the file makes it stumble over.
        if isinstance(error, OSError) and error.errno is not None:
            raise  # The system's own, such as a full disk for temporary files.
        reason = " ".join(str(error).split())[:_LONGEST_REASON]
        raise Mistake(
            f"{path} cannot be read by tfp_flows {tfp_flows.__version__} with Keras "
            f"{keras.__version__}; it was written by {_writer(parts)}: {reason}"
        ) from error
    if not isinstance(model, tfp_flows.FlowModel):
        raise Mistake(
            f"{path} is a Keras model, a {type(model).__name__}, but no flow."
        )
    columns, context = _unrecorded(path, model)
    if record is None:
        return LoadedModel(model, None, columns, context, context_apart=True)
    if _sizes(record.columns, record.context) != _sizes(columns, context):
        raise Mistake(f"{path} is damaged: its record is that of another model.")
    return LoadedModel(
        model, record, record.columns, record.context, record.context_apart
    )


def _checked_parts(path: str) -> dict[str, bytes]:
    """The small parts of a file that is one of Keras's."""
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                names = set(archive.namelist())
                small = names & {_RECORD, _METADATA}
                parts = {name: archive.read(name) for name in small}
        except Exception as error:  # zipfile raises what its codecs raise, too.
            raise Mistake(
                f"{path} is no model, or was cut off or changed: {error}."
            ) from error
    if missing := _MEMBERS - names:
        raise Mistake(f"{path} is no model: it has no {min(missing)}.")
    return parts


def _writer(parts: dict[str, bytes]) -> str:
    """Say which versions wrote the file, even if nothing else of it can be read."""
    texts = [parts.get(_RECORD, b""), parts[_METADATA]]
    matches = [re.search(rb'version": "([\w.+-]{1,20})"', text) for text in texts]
    version, keras_version = (m[1].decode() if m else "?" for m in matches)
    return f"tfp_flows {version} with Keras {keras_version}"


def _sizes(*origins: Origin | None) -> list[int | None]:
    return [len(origin.positions) if origin else None for origin in origins]


def _unrecorded(path: str, model: tfp_flows.FlowModel) -> tuple[Origin, Origin | None]:
    """Number the columns and the context."""
    family = model.family
    shape = family.event_shape
    if shape.rank != 1:
        raise Mistake(f"{path} describes points of shape {shape}, not rows of a table.")
    context = family.context_size
    return _numbered(shape[0]), _numbered(context) if context else None


def _numbered(size: int) -> Origin:
    return Origin(list(range(size)), None, size)
