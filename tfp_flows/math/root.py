"""From the value of a root to a root with gradients."""

from collections.abc import Callable

import tensorflow as tf


def newton_polish(
    value_and_slope: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    root: tf.Tensor,
) -> tf.Tensor:
    """Gives a root found without gradients its last digits and its derivatives.

    Two Newton steps, t ← t − f(t)/f′(t), from a root taken as a constant. Each step
    squares the error in t, and with it the order to which t depends correctly on
    whatever f depends on: the first derivative is right after one step (it is that of
    the implicit function theorem), the second and third after two.

    Args:
        value_and_slope: gives f(t) and f′(t), elementwise; f′ must not be 0.
        root: where f is (nearly) 0.
    """
    root = tf.stop_gradient(root)
    for _ in range(2):
        value, slope = value_and_slope(root)
        root = root - value / slope
    return root
