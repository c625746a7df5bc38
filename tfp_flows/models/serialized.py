"""How a `FlowModel` is written and read: its configuration, and that of `compile`."""

import os
from typing import Any

import keras

from tfp_flows import saving
from tfp_flows.models.checkpoints import Checkpointed


class Serialized(Checkpointed):
    """A Keras model that is saved as a whole, a `FlowModel`."""

    _is_restorable: bool

    def save(
        self, filepath: str | os.PathLike, overwrite: bool = True, **kwargs: Any
    ) -> None:
        """Write a ``.keras`` file, once it is sure that it could be loaded again.

        Args:
            filepath: ends in ``.keras``.
            overwrite: as in Keras.
            **kwargs: as in Keras.

        Raises:
            ValueError: a part that cannot be saved, with its path in the model; another
                kind of file.
            OSError: the file cannot be written; what was there before is unchanged.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"A FlowModel is saved as a .keras file, but the path is {filepath!r}."
            )
        if not self._is_restorable:
            saving.check_restorable(self)
            self._is_restorable = True
        super().save(filepath, overwrite=overwrite, **kwargs)

    def get_config(self) -> dict:
        """The arguments of the constructor, the family by `saving`.

        Raises:
            ValueError: a part of the family that cannot be written, such as a
                lambda, with its path in the family.
        """
        return {
            "family": saving.encode(self.family),
            "encoder": self.encoder
            and keras.saving.serialize_keras_object(self.encoder),
            "seed": self._seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict) -> Any:
        """Make a model of what `get_config` gave.

        Raises:
            ValueError: the configuration was changed, or is of another version.
        """
        missing = {"family", "encoder", "seed", "name"} - config.keys()
        if missing:
            raise ValueError(f"This is no FlowModel: it lacks {sorted(missing)}.")
        encoder = config["encoder"]
        if encoder is not None:
            saving.check_tree(encoder)
            encoder = keras.saving.deserialize_keras_object(encoder)
        family = saving.decode(config["family"])
        return cls(family, encoder=encoder, seed=config["seed"], name=config["name"])
