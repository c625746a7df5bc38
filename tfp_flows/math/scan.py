"""One dimension after another, for a network that can only be evaluated whole."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfp_flows.math.vectorized import in_vectorized_map

# ``tf.vectorized_map`` takes as long to convert one loop as this many of its steps.
_MOST_STEPS_UNROLLED = 16


def scan_by_evaluation(
    evaluate: Callable[[tf.Tensor, tf.Tensor | int], tf.Tensor],
    solve: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    z: tf.Tensor,
    order: Sequence[int],
) -> tf.Tensor:
    """Finds the x with xᵢ = solve(paramsᵢ(x before i), zᵢ), by D evaluations.

    Differentiable, in memory that D evaluations need, to any order.

    Args:
        evaluate: from ``[D, N]`` and i to the parameters ``[K, N]`` of dimension i,
            which depend on the dimensions before it alone.
        solve: from parameters ``[K, N]`` and ``z_i`` ``[N]`` to ``x_i`` ``[N]``.
        z: ``[D, N]``.
        order: the dimensions, each after those that it depends on.
    """
    if in_vectorized_map() and len(order) <= _MOST_STEPS_UNROLLED:
        return _unrolled(evaluate, solve, z, order)
    size = len(order)
    order = tf.constant(np.asarray(order), tf.int32)

    def body(step, x):
        i = order[step]
        x_i = solve(evaluate(x, i), z[i])
        here = tf.equal(tf.range(size), i)[:, tf.newaxis]
        return step + 1, tf.where(here, x_i, x)

    _, x = tf.while_loop(
        lambda step, _: step < size,
        body,
        (tf.constant(0), tf.zeros_like(z)),
        maximum_iterations=size,  # Without it XLA has no gradient of the loop.
    )
    return x


def _unrolled(evaluate, solve, z, order) -> tf.Tensor:
    inputs = tf.unstack(z)
    x = [tf.zeros_like(inputs[0])] * len(order)
    for i in order:
        x[i] = solve(evaluate(tf.stack(x), i), inputs[i])
    return tf.stack(x)
