"""Flows as JSON and back: the structure; values of variables are Keras's to save.

TFP's objects know the arguments that they were made with (``.parameters``), and so do
Keras's layers (``get_config``): a flow is written as the tree of these, each object
once, however many places hold it. Reading makes the objects anew. Only classes of TFP's
bijectors and distributions, our own, and what was registered by `register` are made;
nothing in a file is run.
"""

import base64
import dataclasses
import functools
import hashlib
import inspect
import json
import math
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors, distributions
from tfp_flows.bijectors import TransformerSpec
from tfp_flows.conditioners.autoregressive.masked_autoregressive_template import (
    MaskedAutoregressiveTemplate,
)
from tfp_flows.conditioners.image.glow_template import GlowTemplate
from tfp_flows.conditioners.real_nvp_template import RealNVPTemplate
from tfp_flows.distributions import Family
from tfp_flows.variables import KerasModule, find_weights, storage_ids

FORMAT = 1

_TEMPLATES = (GlowTemplate, MaskedAutoregressiveTemplate, RealNVPTemplate)
_KINDS = (tfb.Bijector, tfd.Distribution, Family, *_TEMPLATES)

_REGISTERED: dict[str, type | Callable] = {}


def register(package: str) -> Callable:
    """A decorator for what files may name besides TFP's classes and ours.

    For a bijector or distribution of one's own, which must hand the arguments of its
    constructor to TFP as ``parameters``; for another ``tf.Module`` that one is given,
    with an attribute ``parameters`` of that kind; and for a named function.
    The process that reads the file must have imported the module, too.

    Args:
        package: put before the name, so that names do not clash.

    Raises:
        TypeError: neither such a class nor a function.
        ValueError: the name is taken by another.

    >>> @register("mine")
    ... class Double(bijectors.Bijector):
    ...     def __init__(self, validate_args=False, name="double"):
    ...         super().__init__(dict(locals()), event_ndims=0)
    """

    def decorate(value):
        is_class = isinstance(value, type)
        if not hasattr(value, "__qualname__") or (
            is_class and not issubclass(value, tf.Module)
        ):
            raise TypeError(
                "saving.register takes a class of bijectors, distributions or "
                f"tf.Modules, or a named function, but got {value!r}."
            )
        name = f"{package}>{value.__name__}"
        other = _REGISTERED.setdefault(name, value)
        if (other.__module__, other.__qualname__) != (
            value.__module__,
            value.__qualname__,
        ):
            raise ValueError(f"saving.register: {name!r} is taken by {other!r}.")
        _REGISTERED[name] = value  # Anew where a notebook's cell is run again.
        return value

    return decorate


def _registered_name(value) -> str | None:
    names = (name for name, other in _REGISTERED.items() if other is value)
    return next(names, None)


def encode(flow) -> dict:
    """A flow, or anything made of such parts, as what JSON can hold.

    Raises:
        ValueError: a part that cannot be written, such as a lambda, with the place
            where it is.
    """
    known = storage_ids(find_weights(flow).every_variable)
    root = _Encoder(known).encode(flow, "flow")
    return {"format": FORMAT, "sha256": _digest(root), "root": root}


def _digest(root) -> str:
    return hashlib.sha256(json.dumps(root, sort_keys=True).encode()).hexdigest()


def decode(encoded: Mapping):
    """What `encode` was given, made anew; its variables have the value one.

    Raises:
        ValueError: another format, a class that is not allowed, or arguments that it
            does not take: the file was changed, or is of another version.
    """
    if not isinstance(encoded, Mapping) or "format" not in encoded:
        raise ValueError("This is no saved flow: it has no format number.")
    if encoded["format"] != FORMAT:
        raise ValueError(
            f"The flow was saved in format {encoded['format']!r}, but this version of "
            f"tfp_flows reads format {FORMAT}."
        )
    root = encoded.get("root")
    if _digest(root) != encoded.get("sha256"):
        raise ValueError("The saved flow was changed: its checksum is another one.")
    try:
        return _Decoder().decode(root)
    except Exception as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise ValueError(
            "The saved flow cannot be read; the file was changed, or written by "
            f"another version: {reason}"
        ) from error


@functools.cache
def _classes() -> dict[str, type]:
    """The classes that a file may name."""
    found = {}
    for prefix, module in (
        ("tfb", tfb),
        ("tfd", tfd),
        ("tfp_flows.bijectors", bijectors),
        ("tfp_flows.distributions", distributions),
    ):
        for name in dir(module):
            value = getattr(module, name)
            if isinstance(value, type) and issubclass(value, _KINDS):
                found[f"{prefix}.{name}"] = value
    return found | {f"tfp_flows.conditioners.{c.__name__}": c for c in _TEMPLATES}


@functools.cache
def _names() -> dict[type, str]:
    names = {}
    for name, cls in _classes().items():
        # Around parts that are no composite tensors TFP's constructors give the class
        # before the public one, `_Chain` for `Chain`.
        for own in cls.__mro__:
            if own.__name__ in (cls.__name__, f"_{cls.__name__}"):
                names.setdefault(own, name)
    return names


def _class_name(cls: type, where: str) -> str:
    name = _names().get(cls)
    if name is not None:
        return name
    registered = _registered_name(cls)
    if registered is not None:
        return registered
    raise ValueError(
        f"{where} cannot be saved: its class {cls.__module__}.{cls.__qualname__} is "
        "neither TFP's nor ours. Decorate it with @tfp_flows.saving.register(…)."
    )


def _class_of(name: str) -> type:
    cls = _classes().get(name) or _REGISTERED.get(name)
    if not isinstance(cls, type):
        raise ValueError(
            f"The saved flow names the class {name!r}, which is neither TFP's, nor "
            "ours, nor registered here by tfp_flows.saving.register: import the module "
            "that defines it, or do not trust the file."
        )
    return cls


class _Encoder:
    """One pass over a flow; what was met before is written as a reference."""

    def __init__(self, known: set[int]):
        self._known = known
        self._numbers: dict[int, int] = {}
        self._held = []  # So that no identity is given out twice.

    def encode(self, value, where: str):
        """A node for ``value``."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.ndarray | np.generic):
            return _array(np.asarray(value), where)
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, list):
            return [self.encode(v, f"{where}[{i}]") for i, v in enumerate(value)]
        if isinstance(value, tuple) and type(value) is tuple:
            return {"tuple": self.encode(list(value), where)}
        if isinstance(value, tf.TensorShape):
            return {"shape": None if value.rank is None else value.as_list()}
        if isinstance(value, tf.DType):
            return {"dtype": value.name}
        if isinstance(value, np.dtype) or (
            isinstance(value, type) and issubclass(value, np.generic)
        ):
            return {"dtype": np.dtype(value).name}
        if isinstance(value, Mapping):
            return {
                "dict": [
                    [self.encode(k, where), self.encode(v, f"{where}[{k!r}]")]
                    for k, v in value.items()
                ]
            }
        if isinstance(value, range):
            return self.encode(list(value), where)
        if isinstance(value, keras.Variable):
            value = value.value
        if id(value) in self._numbers:
            return {"ref": self._numbers[id(value)]}
        node = self._object(value, where)
        # After its parts, as the decoder numbers it.
        self._numbers[id(value)] = len(self._held)
        self._held.append(value)
        return node

    def _object(self, value, where: str) -> dict:
        if isinstance(value, tf.Variable):
            if id(value) not in self._known:
                raise ValueError(
                    f"{where} cannot be saved: it is a tf.Variable, but the object "
                    "that was given it does not hold it, and keeps another value."
                )
            fields = {
                "shape": value.shape.as_list(),
                "dtype": value.dtype.name,
                "trainable": value.trainable,
                "name": value.name.split(":")[0],
            }
            if value.aggregation != tf.VariableAggregation.NONE:
                fields["aggregation"] = value.aggregation.name
            return {"variable": fields}
        if isinstance(value, tfp.util.TransformedVariable):
            return {
                "transformed_variable": {
                    "variable": self.encode(value.pretransformed_input, where),
                    "bijector": self.encode(value.bijector, where),
                    "dtype": value.dtype.name,
                    "name": value.name,
                }
            }
        if isinstance(value, tf.Tensor):
            static = tf.get_static_value(value)
            if static is None:
                raise ValueError(f"{where} cannot be saved: it is a tensor of a graph.")
            return {"tensor": _array(static, where)}
        if isinstance(value, TransformerSpec):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            cls = fields.pop("bijector_class")
            return {
                "transformer": _class_name(cls, where),
                "fields": self.encode(fields, where),
            }
        if isinstance(value, KerasModule):
            return {
                "keras_module": self.encode(value.layer, where),
                "event_ndims": value.event_ndims,
            }
        if isinstance(value, keras.Layer):
            return {"layer": keras.saving.serialize_keras_object(value)}
        if isinstance(value, _KINDS) or type(value) in _REGISTERED.values():
            return self._made(value, where)
        if callable(value) and hasattr(value, "__name__"):
            return self._function(value, where)
        raise ValueError(
            f"{where} cannot be saved: it is {value!r}, of the class "
            f"{type(value).__module__}.{type(value).__qualname__}."
        )

    def _made(self, value, where: str) -> dict:
        """An object of TFP or ours, by the arguments that it was made with."""
        name = _class_name(type(value), where)
        where = f"{where} = {type(value).__name__.lstrip('_')} {value.name!r}"
        signature = inspect.signature(_class_of(name).__init__).parameters
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        wanted = {
            key: argument.default
            for key, argument in signature.items()
            if argument.kind not in kinds and key not in ("self", "parameters")
        }
        missing = sorted(wanted.keys() - value.parameters.keys())
        if missing:
            raise ValueError(
                f"{where} cannot be saved: its `parameters` do not tell the arguments "
                f"{missing} that it was made with."
            )
        arguments = {
            key: self.encode(value.parameters[key], f"{where}: {key}")
            for key, default in wanted.items()
            if not _is_same(value.parameters[key], default)
        }
        return {"class": name, "arguments": arguments}

    def _function(self, value: Callable, where: str) -> dict:
        registered = _registered_name(value)
        if registered is None:
            raise ValueError(
                f"{where} cannot be saved: it is the function {value!r}. A lambda or a "
                "function of your own has no place in a file; use a bijector or layer, "
                "or decorate a named function with @tfp_flows.saving.register(…)."
            )
        return {"function": registered}


def _is_same(value, default) -> bool:
    if default is inspect.Parameter.empty:
        return False
    simple = bool | int | float | str
    return value is default or (
        isinstance(value, simple) and type(value) is type(default) and value == default
    )


def _array(value: np.ndarray, where: str) -> dict:
    if value.dtype.kind not in "biufV":
        raise ValueError(
            f"{where} cannot be saved: it is an array of {value.dtype.name}."
        )
    return {
        "array": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode(),
        "dtype": value.dtype.name,
        "shape": list(value.shape),
    }


class _Decoder:
    """One pass over what `_Encoder` wrote."""

    def __init__(self):
        self._made = []

    def decode(self, node):
        """The value of a node."""
        if isinstance(node, list):
            return [self.decode(part) for part in node]
        if not isinstance(node, Mapping):
            return node
        kind = next(iter(node), None)
        if kind == "ref":
            return self._made[range(len(self._made))[int(node["ref"])]]
        plain = {
            "float": lambda: float(node["float"]),
            "tuple": lambda: tuple(self.decode(node["tuple"])),
            "shape": lambda: tf.TensorShape(node["shape"]),
            "dtype": lambda: tf.as_dtype(node["dtype"]),
            "dict": lambda: {self.decode(k): self.decode(v) for k, v in node["dict"]},
            "array": lambda: _to_array(node),
        }
        if kind in plain:
            return plain[kind]()
        made = {
            "class": self._object,
            "variable": lambda n: _variable(n["variable"]),
            "transformed_variable": self._transformed_variable,
            "tensor": lambda n: tf.constant(_to_array(n["tensor"])),
            "transformer": self._transformer,
            "keras_module": lambda n: KerasModule(
                self.decode(n["keras_module"]), n["event_ndims"]
            ),
            "layer": lambda n: _layer(n["layer"]),
            "function": lambda n: _function(n["function"]),
        }
        if kind not in made:
            raise ValueError(f"The saved flow has a part of an unknown kind: {kind!r}.")
        value = made[kind](node)
        self._made.append(value)
        return value

    def _object(self, node):
        cls = _class_of(node["class"])
        arguments = {k: self.decode(v) for k, v in node["arguments"].items()}
        return cls(**arguments)

    def _transformer(self, node) -> TransformerSpec:
        return TransformerSpec(
            _class_of(node["transformer"]), **self.decode(node["fields"])
        )

    def _transformed_variable(self, node):
        # Their order is that of the encoder: first the variable, then the bijector.
        fields = node["transformed_variable"]
        variable = self.decode(fields["variable"])
        bijector = self.decode(fields["bijector"])
        made = tfp.util.TransformedVariable(
            bijector.forward(variable),
            bijector,
            dtype=tf.as_dtype(fields["dtype"]),
            name=fields["name"],
        )
        # In the place of the one that TFP has just made, which nothing shares.
        made._pretransformed_input = variable
        return made


def _variable(fields) -> tf.Variable:
    # Ones until Keras loads the values: zeros are no scale, and refused as such.
    return tf.Variable(
        tf.ones(fields["shape"], fields["dtype"]),
        trainable=fields["trainable"],
        # How the replicas of a strategy, each of which assigns, are joined.
        aggregation=tf.VariableAggregation[fields.get("aggregation", "NONE")],
        name=fields["name"],
    )


def _to_array(node) -> np.ndarray:
    dtype = tf.as_dtype(node["dtype"]).as_numpy_dtype
    flat = np.frombuffer(base64.b64decode(node["array"]), dtype)
    return flat.reshape(node["shape"]).copy()


def _layer(config) -> keras.Layer:
    layer = keras.saving.deserialize_keras_object(config)
    if not isinstance(layer, keras.Layer):
        raise ValueError(f"The saved flow has a {type(layer).__name__} for a layer.")
    return layer


def _function(name: str) -> Callable:
    found = _REGISTERED.get(name)
    if not callable(found) or isinstance(found, type):
        raise ValueError(
            f"The saved flow names the function {name!r}, which is not registered "
            "here: import the module that defines it."
        )
    return found


def check_restorable(model: keras.Model) -> None:
    """Makes a model anew of its configuration, as loading would, and compares.

    Keras writes many things that it cannot read, a lambda in a layer among them: it
    would be found when the model is lost.

    Raises:
        ValueError: the configuration cannot be read, or gives other weights.
    """
    try:
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
        copy = keras.saving.deserialize_keras_object(config, safe_mode=True)
        problem = _difference(model, copy)
    except Exception as error:
        raise ValueError(
            f"{model.name!r} cannot be saved, for it could not be loaded again (is a "
            "function or class in a layer, the optimizer or a metric not registered "
            f"with Keras?): {error}"
        ) from error
    if problem:
        raise ValueError(
            f"{model.name!r} cannot be saved, for it would be loaded with {problem}."
        )


def _difference(model: keras.Model, copy: keras.Model) -> str | None:
    for what, old, new in (
        ("weights", model.weights, copy.weights),
        (
            "variables of the optimizer",
            model.optimizer.variables,
            copy.optimizer.variables,
        ),
    ):
        if len(old) != len(new):
            return f"{len(new)} {what} in place of {len(old)}"
        for a, b in zip(old, new, strict=True):
            had, has = ((v.name, tuple(v.shape), v.dtype, v.trainable) for v in (a, b))
            if had[1:] != has[1:]:
                return f"the {what[:-1]} {has} in place of {had}"
    return None
