"""Codecs of plain values: numbers, collections, shapes, dtypes and arrays."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.saving.tree import Codec, Reader, Writer, instance_of


def encode_array(value: np.ndarray | np.generic, _: Writer, where: str) -> dict:
    """Give the bytes of an array or a number, with its dtype and shape."""
    array = np.asarray(value)
    if array.dtype.kind not in "biufV":
        raise ValueError(
            f"{where} cannot be saved: it is an array of {array.dtype.name}."
        )
    return {
        "values": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode(),
        "dtype": array.dtype.name,
        "shape": list(array.shape),
    }


def decode_array(fields: Any, _: Reader) -> np.ndarray:
    """Make the array of its fields."""
    dtype = tf.as_dtype(fields["dtype"]).as_numpy_dtype
    flat = np.frombuffer(base64.b64decode(fields["values"]), dtype)
    return flat.reshape(fields["shape"]).copy()


def _encode_mapping(value: Mapping, writer: Writer, where: str) -> list:
    return [
        [writer.write(key, where), writer.write(entry, f"{where}[{key!r}]")]
        for key, entry in value.items()
    ]


def _decode_mapping(fields: Any, reader: Reader) -> dict:
    return {reader.read(key): reader.read(entry) for key, entry in fields}


def _is_dtype(value: Any) -> bool:
    if isinstance(value, type):
        return issubclass(value, np.generic)
    return isinstance(value, tf.DType | np.dtype)


def _encode_shape(value: tf.TensorShape, *_: Any) -> list | None:
    return None if value.rank is None else value.as_list()


VALUE_CODECS = (
    Codec("array", instance_of(np.ndarray, np.generic), encode_array, decode_array),
    Codec(
        "float",  # Infinities and NaN: JSON has the others.
        instance_of(float),
        lambda value, *_: str(value),
        lambda fields, _: float(fields),
    ),
    Codec(
        "tuple",
        # Classes made of tuples have other constructors.
        lambda value: type(value) is tuple,
        lambda value, writer, where: writer.write(list(value), where),
        lambda fields, reader: tuple(reader.read(fields)),
    ),
    Codec(
        "range",
        instance_of(range),
        lambda value, *_: [value.start, value.stop, value.step],
        lambda fields, _: range(*fields),
    ),
    Codec("dict", instance_of(Mapping), _encode_mapping, _decode_mapping),
    Codec(
        "shape",
        instance_of(tf.TensorShape),
        _encode_shape,
        lambda fields, _: tf.TensorShape(fields),
    ),
    Codec(
        "dtype",
        _is_dtype,
        lambda value, *_: tf.as_dtype(value).name,
        lambda fields, _: tf.as_dtype(fields),
    ),
)
