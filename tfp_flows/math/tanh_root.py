"""The equation t + m·tanh t = target of planar and Sylvester layers."""

import numpy as np
import tensorflow as tf

from tfp_flows.math.root import find_root


def sech_squared(t: tf.Tensor) -> tf.Tensor:
    """The slope of tanh; 1 − tanh² t has no digits left where tanh t is nearly 1."""
    return 4.0 * tf.sigmoid(2.0 * t) * tf.sigmoid(-2.0 * t)


def tanh_slope(t: tf.Tensor, one_plus_m: tf.Tensor) -> tf.Tensor:
    """1 + m·sech² t as a sum of positive terms, at least the smallest float."""
    slope = tf.tanh(t) ** 2 + one_plus_m * sech_squared(t)
    # A slope that is flushed to zero would make the logarithm −∞.
    return tf.maximum(slope, np.finfo(slope.dtype.as_numpy_dtype).tiny)


def tanh_root(target: tf.Tensor, one_plus_m: tf.Tensor) -> tf.Tensor:
    """The root t of t + m·tanh t = target, with gradients.

    Args:
        target: any real numbers.
        one_plus_m: 1 + m, positive; not m, where it would lose its digits.
    """

    def curve_by(one_plus_m):
        def curve(t):
            value = t + (one_plus_m - 1.0) * tf.tanh(t)
            return value, tf.math.log(tanh_slope(t, one_plus_m))

        return curve

    t, _ = find_root(
        curve_by(one_plus_m),
        curve_by(tf.stop_gradient(one_plus_m)),
        target,
        where="t + m·tanh t",
    )
    return t
