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
_NOT_OF_THE_OUTPUT = {"self", "name", "seed", "dtype", "trainable"}


class NoStructureError(Exception):
    """The error for a part that may depend on something that nobody knows."""


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
    # As it is written, with its type: to Python 1, 1.0 and True are equal, 0.0 and
    # -0.0, too, and NaN is not equal to itself.
    if part is None or isinstance(part, numbers.Number | str | bytes | tf.DType):
        return type(part), repr(part)
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
    try:
        values = [getattr(part, name) for name in _arguments_of(cls)]
    except AttributeError as error:
        raise NoStructureError from error
    return cls, _of_layers(part), tuple(map(structure_of, values))


def _known(part):
    # Of a function not ``__module__``, which ``functools.wraps`` copies.
    is_function = inspect.isfunction(part)
    module = part.__globals__["__name__"] if is_function else part.__module__
    package = module.partition(".")[0]
    if package not in ("keras", "tfp_flows") or getattr(part, "__closure__", None):
        raise NoStructureError
    return part


def _of_layers(part) -> Hashable:
    """Give what may have been set in a layer, and in those that it is made of."""
    if not isinstance(part, keras.Layer):
        return None
    return tuple(map(_of_layer, part._flatten_layers()))


def _of_layer(layer) -> Hashable:
    attributes = vars(layer)
    # The loss that a regularizer adds would be lost.
    if layer.activity_regularizer is not None or "call" in attributes:
        raise NoStructureError
    activation = structure_of(attributes.get("activation"))
    dtypes = layer.compute_dtype, layer.variable_dtype, layer.autocast
    return type(layer), dtypes, activation


@functools.cache
def _arguments_of(cls: Any) -> list[str]:
    """The arguments of a constructor, and of those that it passes others on to."""
    names: list[str] = []
    for base in inspect.getmro(cls):
        if base is keras.Layer or base is object:
            break
        if "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            names += [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
            if all(p.kind is not p.VAR_KEYWORD for p in parameters):
                break
    return [name for name in names if name not in _NOT_OF_THE_OUTPUT]
