"""Reordering one axis, with a gradient that is again a reordering."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.math.xla import in_xla


def permute(x: tf.Tensor, permutation: Any, axis: int = -1) -> tf.Tensor:
    """``y[..., i] = x[..., permutation[i]]`` for a permutation of an axis.

    The gradient that TensorFlow gives to a gather is a scatter-add, which XLA runs
    one element at a time on a CPU; that of a permutation is the inverse permutation.
    The identity needs no gather at all, nor does the reversal.

    Args:
        x: ``[..., D]``, if ``axis`` is the last one.
        permutation: the integers 0 … D − 1 in some order: an array, or a tensor or
            variable if they are not known when the graph is made.
        axis: which axis of ``x``.
    """
    if tf.is_tensor(permutation):
        return _gather(x, tf.cast(permutation, tf.int32), axis)
    permutation = np.asarray(permutation)
    ordered = np.arange(len(permutation))
    if np.array_equal(permutation, ordered):
        return x
    # (XLA would compute what comes before a reversal once more for each use of it.)
    if np.array_equal(permutation, ordered[::-1]) and not in_xla():
        return tf.reverse(x, axis=[axis])
    return _gather(x, permutation, axis)


def inverse_of(permutation: Any) -> Any:
    """The permutation that undoes one: an array of an array, else a tensor."""
    if not tf.is_tensor(permutation):
        return np.argsort(permutation)
    places = tf.cast(permutation, tf.int32)[:, tf.newaxis]
    size = tf.shape(places)[0]
    return tf.scatter_nd(places, tf.range(size), [size])


def _gather(x, permutation, axis: int):
    @tf.custom_gradient
    def apply(x):
        y = tf.gather(x, permutation, axis=axis)
        return y, lambda dy: permute(dy, inverse_of(permutation), axis)

    return apply(x)
