"""One dimension after another, for a network that can only be evaluated whole."""

from collections.abc import Callable, Sequence

import tensorflow as tf


def scan_by_evaluation(
    evaluate: Callable[[tf.Tensor], tf.Tensor],
    solve: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    z: tf.Tensor,
    order: Sequence[int],
) -> tf.Tensor:
    """X with xᵢ = solve(paramsᵢ(x before i), zᵢ), by D evaluations.

    Differentiable, in memory that D evaluations need.

    Args:
        evaluate: from ``[N, D]`` to parameters ``[N, D, K]``, those of a dimension
            depending on the dimensions before it alone.
        solve: from parameters ``[K, N]`` and ``z_i`` ``[N]`` to ``x_i`` ``[N]``.
        z: ``[N, D]``.
        order: the dimensions, each after those that it depends on.
    """
    size = z.shape[-1]
    order = tf.constant(order, tf.int32)

    def body(step, x):
        i = order[step]
        x_i = solve(tf.transpose(evaluate(x)[:, i]), z[:, i])
        here = tf.equal(tf.range(size), i)
        return step + 1, tf.where(here, x_i[:, tf.newaxis], x)

    _, x = tf.while_loop(
        lambda step, _: step < size,
        body,
        (tf.constant(0), tf.zeros_like(z)),
        maximum_iterations=size,  # Without it XLA has no gradient of the loop.
    )
    return x
