"""Reordering the last axis, with a gradient that is again a reordering."""

import numpy as np
import tensorflow as tf


def permute(x: tf.Tensor, permutation: np.ndarray) -> tf.Tensor:
    """``y[..., i] = x[..., permutation[i]]`` for a fixed permutation.

    The gradient that TensorFlow gives to a gather is a scatter-add, which XLA runs
    one element at a time on a CPU; that of a permutation is the inverse permutation.

    Args:
        x: ``[..., D]``.
        permutation: the integers 0 … D − 1 in some order, known when the graph is
            made.
    """
    permutation = np.asarray(permutation)
    if np.array_equal(permutation, np.arange(len(permutation))):
        return x

    @tf.custom_gradient
    def apply(x):
        y = tf.gather(x, permutation, axis=-1)
        return y, lambda dy: permute(dy, np.argsort(permutation))

    return apply(x)
