"""Gradients of the solution of an equation, by the implicit function theorem."""

from collections.abc import Callable

import tensorflow as tf


def implicit_solution(
    solution: tf.Tensor,
    residual: tf.Tensor,
    solve_adjoint: Callable[[tf.Tensor], tf.Tensor],
    *,
    where: str,
) -> tf.Tensor:
    """Gives the solution x of F(x, θ) = 0, computed as a constant, its gradient by θ.

    The theorem says dx = −(∂F/∂x)⁻¹·∂F/∂θ·dθ. So a gradient g by x is the gradient −v
    by the residual, where v solves the adjoint equation (∂F/∂x)ᵀ·v = g. How x was
    computed does not matter, and nothing of it stays in memory.

    Args:
        solution: x; its own gradients are not used.
        residual: F(x, θ) at x as a constant, with gradients by θ. The value is not
            used, so that without a gradient it is never computed in a graph.
        solve_adjoint: v from g; called when a gradient is asked for.
        where: the name of the solution, for the errors.

    Raises:
        LookupError: a second derivative is asked for; or a first one, of a function
            traced before that ``tf.vectorized_map`` converted, which loses it.

    The square root, as the solution of x² − θ = 0:

    >>> theta = tf.constant(9.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(theta)
    ...     x = tf.constant(3.0)
    ...     root = implicit_solution(
    ...         x, x**2 - theta, lambda g: g / (2.0 * x), where="a root")
    >>> round(float(tape.gradient(root, theta)), 4)
    0.1667
    """

    @tf.custom_gradient
    def attach(residual):
        def gradient(g):
            total = -solve_adjoint(g)
            # Depends on the residual, so that a second derivative is refused, not 0.
            total = tf.where(tf.ones_like(total, tf.bool), total, residual)
            return tf.raw_ops.PreventGradient(
                input=total, message=f"{where} has no second derivative."
            )

        value = tf.raw_ops.PreventGradient(
            input=solution,
            message=f"tf.vectorized_map loses the gradient of {where} if it converts a "
            "tf.function that was traced before: give it the function itself.",
        )
        return tf.identity(value), gradient

    return attach(residual)
