"""The tapering of numbers that are far out: as they are near 0, logarithmic beyond."""

import math

import tensorflow as tf

# Standardized data are mostly within it; there is little to learn further out.
_THRESHOLD = 3.0


def taper(x: tf.Tensor) -> tf.Tensor:
    """Give q(x) = x for |x| ≤ 3, sign(x)·(3 + log(|x| − 2)) beyond.

    Its slope is continuous: 1, then 1/(|x| − 2).

    >>> taper(tf.constant([-2.0, 3.0, 1e4])).numpy().round(2)
    array([-2.  ,  3.  , 12.21], dtype=float32)
    """
    inside = tf.clip_by_value(x, -_THRESHOLD, _THRESHOLD)
    # Of the difference, whose slope is 0 inside and at the threshold itself.
    excess = x - inside
    return inside + tf.sign(excess) * tf.math.log(1.0 + tf.abs(excess))


def untaper(u: tf.Tensor) -> tf.Tensor:
    """Give the x with q(x) = u, the inverse of `taper`; the largest number beyond it.

    >>> untaper(taper(tf.constant([-2.0, 3.0, 100.0]))).numpy().round(2)
    array([ -2.,   3., 100.], dtype=float32)
    """
    inside = tf.clip_by_value(u, -_THRESHOLD, _THRESHOLD)
    excess = u - inside
    # An infinite slope would be NaN where it is multiplied by 0.
    exponent = tf.minimum(tf.abs(excess), math.log(u.dtype.max))
    return inside + tf.sign(excess) * tf.math.expm1(exponent)
