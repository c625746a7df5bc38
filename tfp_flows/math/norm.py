"""The Euclidean norm with a gradient everywhere."""

import tensorflow as tf


def safe_norm(x: tf.Tensor) -> tf.Tensor:
    """``‖x‖`` over the last axis; the gradient at x = 0 is 0, not NaN.

    The vector is scaled by its largest entry, so that squares neither overflow nor
    vanish: in float32, entries from 1e-38 to 1e38 are fine.
    """
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(x), axis=-1, keepdims=True))
    scale = tf.where(largest > 0, largest, tf.ones_like(largest))
    squares = tf.reduce_sum(tf.square(x / scale), axis=-1)
    # The branch is chosen before the square root, or its infinite slope at 0 would
    # make the masked-off gradient NaN.
    positive = squares > 0
    root = tf.sqrt(tf.where(positive, squares, tf.ones_like(squares)))
    return tf.where(positive, root, tf.zeros_like(root)) * scale[..., 0]
