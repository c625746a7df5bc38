"""Codecs of tensors and variables, whose values are Keras's to save."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.saving.tree import Codec, Reader, Writer, instance_of
from tfp_flows.saving.value_codecs import decode_array, encode_array


def _encode_tensor(value: tf.Tensor, writer: Writer, where: str) -> dict:
    array = tf.get_static_value(value)
    if array is None:
        raise ValueError(f"{where} cannot be saved: it is a tensor of a graph.")
    return encode_array(array, writer, where)


def _decode_tensor(fields: Any, reader: Reader) -> tf.Tensor:
    return tf.constant(decode_array(fields, reader))


def _encode_variable(value: tf.Variable, writer: Writer, where: str) -> dict:
    if id(value) not in writer.storages:
        raise ValueError(
            f"{where} cannot be saved: it is a tf.Variable, but the object that was "
            "given it does not hold it, and keeps another value."
        )
    return {
        "shape": value.shape.as_list(),
        "dtype": value.dtype.name,
        "trainable": value.trainable,
        "aggregation": value.aggregation.name,
        "name": value.name.split(":")[0],
    }


def _decode_variable(fields: Any, _: Reader) -> tf.Variable:
    return tf.Variable(
        # Ones until Keras loads the values: zeros are no scale, and refused as such.
        tf.ones(fields["shape"], fields["dtype"]),
        trainable=fields["trainable"],
        # How the replicas of a strategy, each of which assigns, are joined.
        aggregation=tf.VariableAggregation[fields["aggregation"]],
        name=fields["name"],
    )


def _encode_transformed_variable(
    value: tfp.util.TransformedVariable, writer: Writer, where: str
) -> dict:
    return {
        "variable": writer.write(value.pretransformed_input, where),
        "bijector": writer.write(value.bijector, where),
        "dtype": value.dtype.name,
        "name": value.name,
    }


def _decode_transformed_variable(
    fields: Any, reader: Reader
) -> tfp.util.TransformedVariable:
    variable = reader.read(fields["variable"])
    bijector = reader.read(fields["bijector"])
    dtype = tf.as_dtype(fields["dtype"])
    transformed = tfp.util.TransformedVariable(
        bijector.forward(variable), bijector, dtype=dtype, name=fields["name"]
    )
    # Instead of the one that TFP has just made, which nothing shares.
    transformed._pretransformed_input = variable
    return transformed


VARIABLE_CODECS = (
    Codec(
        "variable",
        instance_of(tf.Variable),
        _encode_variable,
        _decode_variable,
        shared=True,
    ),
    Codec(
        "transformed_variable",
        instance_of(tfp.util.TransformedVariable),
        _encode_transformed_variable,
        _decode_transformed_variable,
        shared=True,
    ),
    Codec(
        "tensor", instance_of(tf.Tensor), _encode_tensor, _decode_tensor, shared=True
    ),
)
