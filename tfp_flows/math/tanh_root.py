"""The equation t + m·tanh t = target of planar and Sylvester layers."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.math.root import newton_polish


def sech_squared(t) -> tf.Tensor:
    """By its own formula: 1 − tanh² t has no digits left where tanh t is nearly 1."""
    return 4.0 * tf.sigmoid(2.0 * t) * tf.sigmoid(-2.0 * t)


def tanh_slope(t, one_plus_m) -> tf.Tensor:
    """1 + m·sech² t as a sum of positive terms, at least the smallest float."""
    slope = tf.tanh(t) ** 2 + one_plus_m * sech_squared(t)
    # A slope that is flushed to zero would make the logarithm −∞.
    return tf.maximum(slope, np.finfo(slope.dtype.as_numpy_dtype).tiny)


def tanh_root(target, one_plus_m) -> tf.Tensor:
    """The root t of t + m·tanh t = target, with gradients.

    It lies within |m| of the target, and is found by Chandrupatla's bracketed method
    and two differentiable Newton steps.

    Args:
        target: any real numbers.
        one_plus_m: 1 + m, positive; not m, where it would lose its digits.
    """

    def value_and_slope(t):
        value = t + (one_plus_m - 1.0) * tf.tanh(t) - target
        return value, tanh_slope(t, one_plus_m)

    found = _search(tf.stop_gradient(target), tf.stop_gradient(one_plus_m))
    return newton_polish(value_and_slope, found)


def _search(target, one_plus_m) -> tf.Tensor:
    # Of constants alone: a tape that records the loop would need a stack of its
    # states, which XLA cannot size.
    m = one_plus_m - 1.0
    # A little more than |m| on each side, so that rounding never puts the root
    # outside the bracket.
    eps = np.finfo(target.dtype.as_numpy_dtype).eps
    rounding = 4.0 * eps * (1.0 + tf.abs(target))
    reach = tf.abs(m) * (1.0 + 4.0 * eps) + rounding
    # Half of the digits, on tanh's own scale; each Newton step doubles them.
    found = tfp.math.find_root_chandrupatla(
        lambda t: t + m * tf.tanh(t) - target,
        low=target - reach,
        high=target + reach,
        position_tolerance=tf.maximum(rounding, eps**0.5),
        value_tolerance=0.0,
        max_iterations=_MAX_ITERATIONS,
    )
    return found.estimated_root


# Bisection alone takes 60 for a bracket of 1e6; the search was seen to take 1 to 19.
_MAX_ITERATIONS = 100
