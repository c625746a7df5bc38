"""Codecs of objects: by their arguments, their configuration or their name."""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import keras

from tfp_flows.bijectors import TransformerSpec
from tfp_flows.saving import registry
from tfp_flows.saving.tree import Codec, Reader, Writer, instance_of
from tfp_flows.variables import KerasModule


def _encode_transformer(value: TransformerSpec, writer: Writer, where: str) -> dict:
    names = [field.name for field in dataclasses.fields(value)]
    return {name: writer.write(getattr(value, name), where) for name in names}


def _decode_transformer(fields: Any, reader: Reader) -> TransformerSpec:
    return TransformerSpec(**{key: reader.read(part) for key, part in fields.items()})


def _encode_module(value: KerasModule, writer: Writer, where: str) -> dict:
    layer = writer.write(value.layer, where)
    return {"layer": layer, "event_ndims": value.event_ndims}


def _decode_module(fields: Any, reader: Reader) -> KerasModule:
    return KerasModule(reader.read(fields["layer"]), fields["event_ndims"])


def _encode_layer(value: keras.Layer, *_: Any) -> dict:
    return keras.saving.serialize_keras_object(value)


def _decode_layer(fields: Any, _: Reader) -> keras.Layer:
    layer = keras.saving.deserialize_keras_object(fields)
    if not isinstance(layer, keras.Layer):
        raise ValueError(f"The saved flow has a {type(layer).__name__} for a layer.")
    return layer


def _encode_object(value: Any, writer: Writer, where: str) -> dict:
    """Write the arguments that an object of TFP or ours was made with."""
    name = registry.class_name(type(value), where)
    where = f"{where} = {type(value).__name__.lstrip('_')} {value.name!r}"
    defaults = _argument_defaults(registry.class_of(name))
    missing = sorted(defaults.keys() - value.parameters.keys())
    if missing:
        raise ValueError(
            f"{where} cannot be saved: its `parameters` do not tell the arguments "
            f"{missing} that it was made with."
        )
    always = _absent_in_files(registry.class_of(name))
    arguments = {
        key: writer.write(value.parameters[key], f"{where}: {key}")
        for key, default in defaults.items()
        if key in always or not _is_default(value.parameters[key], default)
    }
    return {"class": name, "arguments": arguments}


def _decode_object(fields: Any, reader: Reader) -> Any:
    cls = registry.class_of(fields["class"])
    arguments = {key: reader.read(part) for key, part in fields["arguments"].items()}
    return cls(**{**_absent_in_files(cls), **arguments})


def _absent_in_files(cls: Any) -> Mapping[str, Any]:
    """The arguments that files of older versions lack, and what they meant there."""
    return getattr(cls, "absent_in_files", {})


def _argument_defaults(cls: Any) -> Mapping[str, Any]:
    """The constructor's arguments, and the default of each."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        key: argument.default
        for key, argument in inspect.signature(cls.__init__).parameters.items()
        if argument.kind not in kinds and key not in ("self", "parameters")
    }


def _is_default(value: Any, default: Any) -> bool:
    if default is inspect.Parameter.empty:
        return False
    is_simple = isinstance(value, bool | int | float | str)
    is_equal = is_simple and type(value) is type(default) and value == default
    return value is default or is_equal


OBJECT_CODECS = (
    Codec(
        "transformer",
        instance_of(TransformerSpec),
        _encode_transformer,
        _decode_transformer,
        shared=True,
    ),
    Codec(
        "keras_module",
        instance_of(KerasModule),
        _encode_module,
        _decode_module,
        shared=True,
    ),
    Codec("layer", instance_of(keras.Layer), _encode_layer, _decode_layer, shared=True),
    Codec(
        "object",
        instance_of(*registry.KINDS),
        _encode_object,
        _decode_object,
        shared=True,
    ),
    Codec(
        "class",
        instance_of(type),
        lambda value, _, where: registry.class_name(value, where),
        lambda name, _: registry.class_of(name),
    ),
    Codec(
        "function",
        callable,
        lambda value, _, where: registry.function_name(value, where),
        lambda name, _: registry.function_of(name),
    ),
)
