"""Files that training writes, and goes on from after it was killed."""

import io
import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from tfp_flows.files import replacing
from tfp_flows.models import execution
from tfp_flows.variables import describe, require_same

_KINDS = (".keras", ".weights.h5", ".weights.json")
_STATES = ("random", "objective")
_DESCRIPTION = "description"


class Checkpointed(keras.Model):
    """A Keras model whose run goes on after it was killed."""

    family: Any
    # How many epochs of the last `fit` have ended, counted as Keras counts them. It is
    # saved along with the weights: `fit(…, initial_epoch=model.epoch)` goes on.
    epoch = 0

    def save(
        self, filepath: str | os.PathLike, overwrite: bool = True, **kwargs: Any
    ) -> None:
        """Save a model; a file that is there stays until the new one is whole.

        Raises:
            OSError: the file cannot be written; what was there before is unchanged.
        """
        with _safe(filepath, overwrite) as path:
            super().save(path, overwrite=overwrite, **kwargs)

    def save_weights(
        self, filepath: str | os.PathLike, overwrite: bool = True, **kwargs: Any
    ) -> None:
        """Save the weights; a file that is there stays until the new one is whole.

        Raises:
            OSError: the file cannot be written; what was there before is unchanged.
        """
        with _safe(filepath, overwrite) as path:
            in_parts = any(kwargs.values())
            if path is filepath or in_parts or path.suffix != ".h5":
                super().save_weights(path, overwrite=overwrite, **kwargs)
                return
            memory = _InMemory()
            super().save_weights(memory)
            path.write_bytes(memory.getbuffer())

    def save_own_variables(self, store: Any) -> None:
        """Save, for Keras, also the states of random numbers, such as dropout's."""
        super().save_own_variables(store)
        store["epoch"] = np.array(self.epoch)
        text = describe(self.family).encode()
        store[_DESCRIPTION] = np.frombuffer(text, np.uint8)
        for name, state in self._states().items():
            store[name] = state

    def load_own_variables(self, store: Any) -> None:
        """Load, for Keras, what `save_own_variables` saved.

        Raises:
            ValueError: weights of a flow that is built in another way; it tells
                what differs.
        """
        entries = {name: store[name] for name in store.keys()}  # noqa: SIM118
        if _DESCRIPTION in entries:  # Files of before have none.
            saved = np.array(entries.pop(_DESCRIPTION), np.uint8).tobytes().decode()
            require_same(saved, self.family, f"{self.name!r} cannot load them")
        self.epoch = int(np.array(entries.pop("epoch", 0)))
        for name, state in self._states().items():
            if name in entries:
                state.assign(entries[name])
        # As in Keras: a model with other random numbers, or compiled with another
        # objective, takes the weights as well.
        weights = {k: v for k, v in entries.items() if not k.startswith(_STATES)}
        super().load_own_variables(weights)

    def _states(self) -> dict:
        """The states of random numbers, and the objective's variables: no weights.

        The keys are the names that files have for them.
        """
        weights = {id(weight) for weight in self.weights}
        random = [v for v in self.variables if id(v) not in weights]
        lists = zip(_STATES, (random, self.objective.variables), strict=True)
        return {
            f"{name}{i}": state
            for name, states in lists
            for i, state in enumerate(states)
        }


class _InMemory(io.BytesIO):
    """A file for Keras; the HDF5 library, left alone with a full disk, crashes."""

    def __str__(self):
        return "memory.weights.h5"  # Keras looks at the end of a file's name.


def _safe(path, overwrite: bool):
    """A context with the path that Keras is to write to."""
    # Where it would ask before it overwrites, it must see what there is.
    if _is_file_here(path) and (overwrite or not os.path.exists(path)):
        return replacing(path)
    return nullcontext(path)


def _is_file_here(path) -> bool:
    """Tell whether Keras would write ``path`` as a file, or a few, on a local disk."""
    return (
        isinstance(path, str | os.PathLike)
        and str(path).endswith(_KINDS)
        and "://" not in str(path)
    )


def repair_backups(callbacks: Any) -> None:
    """Make what each ``BackupAndRestore`` left tell the epoch that its weights tell.

    Keras keeps weights and the number of their epoch in two files, which it writes, and
    in the end deletes, one after the other, the second not at once. If it was stopped
    in between it would go on with weights of one epoch at another one, or not at all.
    A `FlowModel` writes the number along with the weights; the second file is made of
    them anew.

    Raises:
        ValueError: a ``BackupAndRestore`` that saves within epochs.
    """
    for backup in execution.listed(callbacks):
        if not isinstance(backup, keras.callbacks.BackupAndRestore):
            continue
        _require_whole_epochs(backup)
        if "://" in str(backup.backup_dir):  # Which `Path` would make a name here.
            continue
        folder = Path(backup.backup_dir)
        weights = folder / "latest.weights.h5"
        epoch = folder / "training_metadata.json"
        # Now: workers that share it would stumble over each other.
        folder.mkdir(parents=True, exist_ok=True)
        if not weights.exists():
            epoch.unlink(missing_ok=True)
        elif (number := _epoch_of(weights)) is not None:
            with replacing(epoch) as new:
                new.write_text(json.dumps({"epoch": number, "batch": 0}))


def _require_whole_epochs(backup: keras.callbacks.BackupAndRestore) -> None:
    """Refuse backups within an epoch, from which a run would not go on exactly.

    Keras would begin the epoch anew with weights that have seen a part of it.
    """
    if backup.save_freq != "epoch":
        raise ValueError(
            f"BackupAndRestore(save_freq={backup.save_freq!r}) saves within an epoch, "
            "and a run that goes on from there would begin the epoch again, with "
            "weights that have seen a part of it, and end elsewhere: give "
            "save_freq='epoch', and for shorter epochs steps_per_epoch with a stream."
        )


def _epoch_of(weights) -> int | None:
    try:
        with h5py.File(weights, "r") as file:
            return int(file["vars/epoch"][()])
    except (OSError, KeyError):  # Not ours; Keras says what is wrong with it.
        return None
