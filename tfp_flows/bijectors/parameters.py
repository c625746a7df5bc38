"""Checks of a bijector's parameters, and the variables that they start as."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb


def require_plane(cls: type, event_size: int) -> None:
    """Refuses another event size than 2.

    Raises:
        ValueError: naming the class and the size that came.
    """
    if event_size != 2:
        raise ValueError(
            f"{cls.__name__} acts on points of size 2, but got event_size={event_size}."
        )


def make_variable(value: Any, properties: Any, *, dtype: tf.DType, name: str) -> Any:
    """A variable, over an unconstrained one where the parameter has a constraint."""
    constraint = properties.default_constraining_bijector_fn()
    if isinstance(constraint, tfb.Identity):
        return tf.Variable(tf.cast(value, dtype), name=name)
    return tfp.util.TransformedVariable(
        tf.cast(value, dtype), constraint, dtype=dtype, name=name
    )


def batch_shape(tensors: Mapping, properties: Mapping, where: str) -> tf.TensorShape:
    """The batch shape of parameters, as far as it is known.

    Raises:
        ValueError: parameters of too low a rank, or of batches that do not broadcast.
    """
    batch = tf.TensorShape([])
    for key, value in tensors.items():
        rank = properties[key].event_ndims
        if value.shape.rank is None:
            continue
        if value.shape.rank < rank:
            raise ValueError(
                f"{where}: {key} must have rank {rank} or more, but got shape "
                f"{tuple(value.shape)}."
            )
        value_batch = value.shape[: value.shape.rank - rank]
        if not broadcasts(batch, value_batch):
            shapes = {k: tuple(v.shape) for k, v in tensors.items()}
            raise ValueError(
                f"{where}: the batch shapes of the parameters must broadcast, "
                f"but got the shapes {shapes}."
            )
        batch = tf.broadcast_static_shape(batch, value_batch)
    return batch


def common_size(tensors: Mapping, properties: Mapping, where: str) -> int | None:
    """The last dimension that all parameters with dimensions of their own share."""
    sizes = {
        key: value.shape[-1]
        for key, value in tensors.items()
        if properties[key].event_ndims and value.shape.rank is not None
    }
    if len(set(sizes.values())) > 1:
        shapes = {key: tuple(tensors[key].shape) for key in sizes}
        raise ValueError(
            f"{where}: the last dimensions of {', '.join(sizes)} must be the same, "
            f"but got the shapes {shapes}."
        )
    return next(iter(sizes.values()), None)


def broadcasts(a: tf.TensorShape, b: tf.TensorShape) -> bool:
    """Tells whether two shapes, as far as they are known, broadcast."""
    try:
        tf.broadcast_static_shape(a, b)
    except ValueError:
        return False
    return True
