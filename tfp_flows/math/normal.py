"""The upper tail of the standard normal, exact as far out as there are numbers."""

import math

import tensorflow as tf

from tfp_flows.math.root import newton_polish

_LOG_ROOT_2_PI = 0.5 * math.log(2.0 * math.pi)
# Logarithm of a probability: below 1e-8 XLA's ndtri of a float32 is NaN on a CPU.
_FAR_TAIL = -10.0
_FAR = 100.0  # From here two terms of the series are as good as float64.


@tf.custom_gradient
def upper_tail(v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Log Φ(−v) and the logarithm of the hazard h(v) = φ(v)/Φ(−v), with gradients.

    The hazard is the slope of −log Φ(−v). As the difference of log φ and log Φ it
    would lose its digits far out, where both are nearly −v²/2.
    """
    size = tf.abs(v)
    scaled = _scaled_tail(size)
    rest = tf.math.log1p(-scaled * tf.exp(-0.5 * size**2))
    is_tail = v > 0
    log_tail = tf.where(is_tail, tf.math.log(scaled) - 0.5 * size**2, rest)
    log_hazard = tf.where(
        is_tail,
        -_LOG_ROOT_2_PI - tf.math.log(scaled),
        -0.5 * size**2 - _LOG_ROOT_2_PI - rest,
    )

    def gradient(by_tail, by_hazard):
        hazard = tf.exp(upper_tail(v)[1])  # Once more, for a second derivative.
        far = v > _FAR
        inverse = 1.0 / tf.maximum(v, _FAR)
        excess = tf.where(far, inverse - 2.0 * inverse**3, hazard - v)
        return by_hazard * excess - by_tail * hazard

    return (log_tail, log_hazard), gradient


def _scaled_tail(size: tf.Tensor) -> tf.Tensor:
    """Φ(−a)·exp(a²/2) for a ≥ 0."""
    # (tfp.math.erfcx is the same, but its 30 terms take XLA long to compile.)
    start = 12.0 if size.dtype == tf.float64 else 6.0
    near = tf.minimum(size, start)
    direct = 0.5 * tf.math.erfc(near * 0.5**0.5) * tf.exp(0.5 * near**2)
    inverse = 1.0 / tf.maximum(size, start)
    # The sum over k of (−1)ᵏ(2k − 1)!!/a²ᵏ, asymptotic.
    square, series = inverse**2, tf.ones_like(size)
    for k in range(12, 0, -1):
        series = 1.0 - (2 * k - 1) * square * series
    return tf.where(size < start, direct, series * inverse * math.exp(-_LOG_ROOT_2_PI))


def upper_quantile(log_tail: tf.Tensor) -> tf.Tensor:
    """Q with log Φ(−q) = log_tail, for log_tail up to about log ½, with gradients."""

    def value_and_slope(q):
        found, log_hazard = upper_tail(q)
        return found - log_tail, -tf.exp(log_hazard)

    fixed = tf.stop_gradient(log_tail)
    far = fixed < _FAR_TAIL
    # For large q, log Φ(−q) is nearly −q²/2 − log(q√(2π)).
    distant = -2.0 * (tf.minimum(fixed, _FAR_TAIL) + _LOG_ROOT_2_PI)
    q = tf.sqrt(distant)
    for _ in range(2):
        q = tf.sqrt(distant - 2.0 * tf.math.log(q + 1.0 / q))
    near = -tf.math.ndtri(tf.exp(tf.maximum(fixed, _FAR_TAIL)))
    return newton_polish(value_and_slope, tf.where(far, q, near))
