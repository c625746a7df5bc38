"""What a flow is made of, in words, for checkpoints: all but values and names.

Weights fit any flow whose variables have the same shapes, and mean something else in
each. So a checkpoint holds a description, too, and is compared when it is read.
"""

import dataclasses
import difflib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# What no output depends on, or what is checked with the values.
_LEFT_OUT = {"name", "seed", "dtype", "trainable", "validate_args", "allow_nan_stats"}
_LEFT_OUT |= {"module", "registered_name", "build_config"}
_OF_THE_START = ("_initializer",)
_KEY = "description"


def describe(module: tf.Module) -> str:
    """Give a line for each part of a flow: its class and its plain arguments."""
    parts = (module, *module.submodules)
    return "\n".join(line for part in parts for line in _lines(part))


def difference(saved: str, own: str) -> str | None:
    """Tell in what the descriptions of a file and of a flow differ."""
    if saved == own:
        return None
    lines = difflib.unified_diff(saved.split("\n"), own.split("\n"), n=0, lineterm="")
    changes = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    shown = "\n".join(changes[:8])
    more = f"\n(and {len(changes) - 8} more lines)" if len(changes) > 8 else ""
    return f"(-: what was saved, +: what it is read into)\n{shown}{more}"


def require_same(saved: str, module: tf.Module, where: str) -> None:
    """Refuse what was saved of another flow.

    Raises:
        ValueError: what differs.
    """
    changes = difference(saved, describe(module))
    if changes:
        raise ValueError(
            f"{where}: the weights were saved from a flow that is built in another "
            f"way {changes}\nMake the flow with the arguments that it was saved with."
        )


class Described:
    """A mix-in: a module whose checkpoints, of ``tf.train``, hold its description."""

    name: str

    def _serialize_to_tensors(self) -> dict[str, tf.Tensor]:
        return {_KEY: tf.constant(describe(self))}

    def _restore_from_tensors(self, restored: Mapping[str, tf.Tensor]) -> dict:
        if tf.executing_eagerly():  # A SavedModel traces it.
            saved = restored[_KEY].numpy().decode()
            require_same(saved, self, f"The checkpoint of {self.name!r}")
        return {}


def _lines(part: Any) -> Iterator[str]:
    layer = getattr(part, "layer", None)
    if isinstance(layer, keras.Layer):
        yield from map(_of_layer, layer._flatten_layers())
        return
    parameters = getattr(part, "parameters", None)
    words = _words(type(part), parameters if isinstance(parameters, Mapping) else {})
    yield f"{type(part).__name__.lstrip('_')}({words})"


def _words(cls: type, arguments: Mapping) -> str:
    """The plain arguments that are not their defaults."""
    try:
        signature = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    except (TypeError, ValueError):
        signature = {}  # type: ignore[assignment]
    defaults = {key: _plain(one.default) for key, one in signature.items()}
    texts = {key: _plain(value) for key, value in sorted(arguments.items())}
    return ", ".join(
        f"{key}={text}"
        for key, text in texts.items()
        if _counts(key) and text not in (None, defaults.get(key))
    )


def _counts(key: Any) -> bool:
    return key not in _LEFT_OUT and not str(key).endswith(_OF_THE_START)


def _of_layer(layer: keras.Layer) -> str:
    # The configuration of a model tells the names of its layers, which are counted.
    try:
        config = {} if isinstance(layer, keras.Model) else layer.get_config()
    except Exception:  # A user's layer may have none.
        config = {}
    return f"{type(layer).__name__}({_words(type(layer), config)})"


def _plain(value: Any) -> str | None:
    """A value as text, if it is plain; of others ``None``."""
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return repr(value)
    if isinstance(value, Mapping):
        parts = {key: _plain(part) for key, part in value.items() if _counts(key)}
        return ", ".join(f"{key}: {text}" for key, text in parts.items())
    if isinstance(value, list | tuple | tf.TensorShape):
        return f"[{', '.join(str(_plain(part)) for part in value)}]"
    if isinstance(value, np.ndarray) and value.dtype.kind in "biu":
        return str(value.tolist())
    if inspect.isfunction(value) or isinstance(value, type):
        return value.__name__
    if dataclasses.is_dataclass(value):  # A transformer.
        return _plain(
            {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        )
    return None
