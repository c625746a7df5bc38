"""The check that a map is invertible where it is used."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb


def require_regular(
    point: Any, image: Any, log_det: tf.Tensor, bijector: tfb.Bijector
) -> tuple[Any, tf.Tensor]:
    """The image and log-determinant, asserted to be finite if all points are.

    They are not where a map is singular (a scale of 0, a matrix without an inverse),
    where a point is at the end of an open interval, or where numbers overflow. XLA
    leaves assertions out.

    Raises:
        tf.errors.InvalidArgumentError: naming the bijector; from a graph, when it runs.
    """
    if tf.nest.is_nested(point) or tf.nest.is_nested(image):
        return image, log_det
    are_finite = [
        tf.reduce_all(tf.math.is_finite(part)) for part in (point, image, log_det)
    ]
    message = (
        f"{type(bijector).__name__} {bijector.name!r} is not invertible at a point: "
        "the image or the log-determinant is not finite, though all points are. Its "
        "matrix or a scale is singular, a point is at the end of an open interval, or "
        "numbers overflow; the least and the greatest point and log-determinant are"
    )
    shown = [
        find(part)
        for part in (point, log_det)
        for find in (tf.reduce_min, tf.reduce_max)
    ]
    is_good = ~are_finite[0] | (are_finite[1] & are_finite[2])
    check = tf.debugging.Assert(is_good, [message, *shown])
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(image), tf.identity(log_det)
