"""Events of a higher rank than the smallest, and points of an unknown rank."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def with_known_rank(function: Callable, point: tf.Tensor, rank: int) -> Any:
    """Calls a function of ``[N, ...]`` with a tensor of unknown rank.

    Args:
        function: a function of a tensor of rank ``rank + 1`` that gives a structure of
            tensors whose first axis is N.
        point: a tensor of any rank; below ``rank`` it gets axes of size 1 in front.
        rank: the number of axes that the function takes besides N.
    """
    shape = tf.shape(point)
    missing = tf.maximum(rank - tf.size(shape), 0)
    shape = tf.concat([tf.ones([missing], shape.dtype), shape], axis=0)
    lead, last = shape[: tf.size(shape) - rank], shape[tf.size(shape) - rank :]
    rows = tf.reshape(point, tf.concat([[tf.reduce_prod(lead)], last], axis=0))
    outputs = function(tf.ensure_shape(rows, [None] * (rank + 1)))
    return tf.nest.map_structure(
        lambda out: tf.reshape(out, tf.concat([lead, tf.shape(out)[1:]], axis=0)),
        outputs,
    )


def extra_axes(bijector: Any, event_ndims: Any, least: int) -> int:
    """The number of axes that an event has besides those that the bijector needs.

    Raises:
        ValueError: fewer axes than the bijector needs.
    """
    event_ndims = int(tf.get_static_value(event_ndims))
    if event_ndims < least:
        raise ValueError(
            f"{type(bijector).__name__} {bijector.name!r} acts on events of rank "
            f"{least} or more, but got event_ndims={event_ndims}."
        )
    return event_ndims - least


def sum_log_det(log_det: Any, value: tf.Tensor, ndims: int, extra: int) -> tf.Tensor:
    """The log-determinant of each event, of ``extra`` axes more than the smallest.

    Raises:
        ValueError: more axes than the points have.
    """
    # It may be the same for all points, and then have a lower rank.
    rank = value.shape.rank - ndims
    if extra > rank:
        raise ValueError(
            f"The points have {rank} axes besides the smallest event, but event_ndims "
            f"asks for {extra}."
        )
    log_det = tf.broadcast_to(log_det, tf.shape(value)[:rank])
    return tf.reduce_sum(log_det, axis=list(range(rank - extra, rank)))
