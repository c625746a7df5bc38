"""Less memory in training, for values that are cheap to compute."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def rematerialize(function: Callable) -> Callable:
    """A function of the same values, computed again in the backward pass.

    Otherwise the intermediate values of the forward pass stay until then. The value
    of the last step is not computed again, for no gradient needs it. TensorFlow's own
    ``recompute_grad`` refuses second derivatives.

    Args:
        function: of floating tensors, x and others, to one tensor or several. It has
            no variables of its own. What depends on x is computed again.
    """

    @tf.custom_gradient
    def with_gradient(x, *others):
        def gradient(*upstream):
            arguments = [_after(upstream[0], x), *map(tf.identity, others)]
            with tf.GradientTape() as tape:
                tape.watch(arguments)
                result = function(*arguments)
            return tape.gradient(
                tf.nest.flatten(result),
                arguments,
                upstream,
                unconnected_gradients="zero",
            )

        return function(x, *others), gradient

    def call(*arguments: tf.Tensor) -> Any:
        # Eagerly the whole function would be computed twice.
        return (function if tf.executing_eagerly() else with_gradient)(*arguments)

    return call


def _after(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """An optimization barrier: x, which cannot be computed before upstream is.

    It is a sum with a 0 that no compiler can simplify.
    """
    # One number of it, or −∞ if it is empty, as of a batch of no rows. Nothing is more
    # than ∞, nor NaN.
    one = tf.reduce_max(tf.reshape(upstream, [-1])[:1])
    return x + tf.cast(one > np.inf, x.dtype)
