"""The structure of a part of a flow: all that its output depends on, but for weights.

Parts of equal structure compute the same function of points and weights, so that one
traced function serves them all. What is not known for sure has no structure: a
function of the user's may close over anything, and a class derived from one of ours
may compute anything else.
"""

import functools
import inspect
import numbers
from collections.abc import Hashable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# What constructors take that no output depends on.
_NOT_OF_THE_OUTPUT = {"self", "name", "seed", "dtype", "trainable", "kwargs"}


class NoStructureError(Exception):
    """What was asked for its structure may depend on something that nobody knows."""


def structure_of(part: Any) -> Hashable:
    """Give the structure of a network, a transformer's specification, or an argument.

    Args:
        part: plain values, lists and mappings of them; a function or class that Keras
            or this package defines; or an object of a class that itself, not by
            inheritance, says ``shares_programs = True``: its output depends on its
            weights and the arguments of its constructor alone, which it holds as
            attributes of the same names.

    Raises:
        NoStructureError: it is anything else.
    """
    # With its type: to Python 1, 1.0 and True are equal.
    if part is None or isinstance(part, numbers.Number | str | bytes | tf.DType):
        return type(part), part
    if isinstance(part, list | tuple | range):
        return tuple(map(structure_of, part))
    if isinstance(part, Mapping):  # In its order, by which parameters are split.
        return tuple((key, structure_of(value)) for key, value in part.items())
    if isinstance(part, np.ndarray) and part.dtype != object:
        return part.dtype.str, part.shape, part.tobytes()
    if inspect.isfunction(part) or isinstance(part, type):
        return _known(part)
    if not vars(type(part)).get("shares_programs"):
        raise NoStructureError
    cls: Any = type(part)
    values = [getattr(part, name) for name in _arguments_of(cls)]
    return cls, _of_layer(part), tuple(map(structure_of, values))


def _known(part):
    package = part.__module__.partition(".")[0]
    if package not in ("keras", "tfp_flows") or getattr(part, "__closure__", None):
        raise NoStructureError
    return part


def _of_layer(part) -> Hashable:
    if not isinstance(part, keras.Layer):
        return None
    # The loss that it adds would be lost; a method of its own would not be called.
    if part.activity_regularizer is not None or "call" in vars(part):
        raise NoStructureError
    return part.compute_dtype, part.variable_dtype


@functools.cache
def _arguments_of(cls: Any) -> list[str]:
    names = inspect.signature(cls.__init__).parameters
    return [name for name in names if name not in _NOT_OF_THE_OUTPUT]
