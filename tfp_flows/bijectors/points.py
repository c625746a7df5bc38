"""Checks of the points that a bijector is called with."""

import tensorflow as tf

from tfp_flows.bijectors.parameters import broadcasts


def checked_points(
    x: tf.Tensor,
    event_shape: tf.TensorShape,
    dtype: tf.DType | None,
    batch_of_parameters: tf.TensorShape,
    where: str,
) -> tf.Tensor:
    """Points that fit a bijector, with their event shape made known if it was not.

    Args:
        x: the points, ``[..., *event_shape]``, or of unknown rank.
        event_shape: the shape of one point.
        dtype: the bijector's, if it has one.
        batch_of_parameters: a shape that must broadcast with that of the batch.
        where: the name of the bijector in an error.

    Raises:
        TypeError: points of another dtype.
        ValueError: points of another rank, size or batch shape.
    """
    if dtype is not None and x.dtype != dtype:
        raise TypeError(
            f"{where} is {dtype.name}, but was called with a tensor of "
            f"{x.dtype.name}: cast it, or make the bijector with "
            f"dtype={x.dtype.name!r}."
        )
    if x.shape.rank is None:
        return x
    rank = event_shape.rank
    if x.shape.rank < rank:
        raise ValueError(
            f"{where} acts on points of rank {rank} or more, but was called "
            f"with shape {tuple(x.shape)}."
        )
    batch, event = x.shape[: x.shape.rank - rank], x.shape[x.shape.rank - rank :]
    if not event.is_compatible_with(event_shape):
        raise ValueError(
            f"{where} acts on points of {_sizes(event_shape)}, but was "
            f"called with shape {tuple(x.shape)}."
        )
    if batch_of_parameters.rank and not broadcasts(batch_of_parameters, batch):
        raise ValueError(
            f"{where} has parameters of batch shape {tuple(batch_of_parameters)}, "
            f"which does not broadcast with a point of shape {tuple(x.shape)}."
        )
    if event.is_fully_defined():
        return x
    return tf.ensure_shape(x, batch.concatenate(event_shape))


def _sizes(event_shape: tf.TensorShape) -> str:
    """An event shape in words."""
    if event_shape.rank == 1:
        return f"size {event_shape[0]}"
    return f"shape {list(event_shape)}"
