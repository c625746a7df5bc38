"""Less memory in training, for values that are cheap to compute."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf


def recomputed(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """The function, whose gradient computes anew what its steps make of the first x.

    Otherwise these numbers are kept from the one pass until the other. The last step's
    result is not computed anew, for no gradient needs it. TensorFlow's own
    ``recompute_grad`` refuses second derivatives.

    Args:
        function: of floating tensors, x and others, to one tensor. It has no variables
            of its own.
    """

    @tf.custom_gradient
    def given(x, *others):
        def gradient(upstream):
            own = [_not_before(upstream, x), *map(tf.identity, others)]
            with tf.GradientTape() as tape:
                tape.watch(own)
                result = function(*own)
            return tape.gradient(result, own, upstream)

        return function(x, *others), gradient

    def called(*arguments):
        # There, the whole function would be computed twice.
        return function(*arguments) if tf.executing_eagerly() else given(*arguments)

    return called


def _not_before(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """x, by a sum with 0 that nothing can compute, or simplify, before upstream is."""
    # One number of it, or −∞ if it is empty, as of a batch of no rows. Nothing is more
    # than ∞, nor NaN.
    one = tf.reduce_max(tf.reshape(upstream, [-1])[:1])
    return x + tf.cast(one > np.inf, x.dtype)
