"""The hazard of the standard normal and its quantiles, by polynomials."""

import functools
import math

import numpy as np
import tensorflow as tf
from numpy.polynomial import chebyshev

ROOT_2_PI = math.sqrt(2.0 * math.pi)


@tf.custom_gradient
def excess_hazard(a: tf.Tensor) -> tf.Tensor:
    """The hazard beyond its asymptote, φ(a)/Φ(−a) − a, for a ≥ 0, with gradients."""
    polynomial = series(_excess_coefficients(a.dtype == tf.float64), a, _EXCESS_MIDDLE)
    excess = polynomial / (a + _EXCESS_MIDDLE)

    def gradient(by_excess):
        # The hazard's derivative is h·(h − a).
        excess = excess_hazard(a)
        return by_excess * (excess * (a + excess) - 1.0)

    return excess, gradient


# The half-line a ≥ 0 becomes −1 ≤ t ≤ 1 by t = (a − middle)/(a + middle).
_EXCESS_MIDDLE = 2.5
QUANTILE_MIDDLE = 3.0


def series(coefficients: np.ndarray, a: tf.Tensor, middle: float) -> tf.Tensor:
    """A polynomial in t = (a − middle)/(a + middle)."""
    t = (a - middle) / (a + middle)
    value = coefficients[-1] * tf.ones_like(t)
    for coefficient in coefficients[-2::-1]:
        value = value * t + coefficient
    return value


def _fitted(function, middle: float, degree: int) -> np.ndarray:
    """The coefficients of a function of a."""
    t = chebyshev.chebpts1(100)  # More than coefficients: rounding is averaged.
    values = function(middle * (1.0 + t) / (1.0 - t))
    return chebyshev.cheb2poly(chebyshev.chebfit(t, values, degree))


@functools.cache
def _excess_coefficients(is_double: bool) -> np.ndarray:
    """The coefficients of (h(a) − a)·(a + middle), to the last digit of the dtype."""
    # (tfp.math.erfcx is as exact, but its 30 terms take XLA long to compile.)
    return _fitted(
        lambda a: _excess(a) * (a + _EXCESS_MIDDLE),
        _EXCESS_MIDDLE,
        26 if is_double else 12,
    )


@functools.cache
def quantile_coefficients() -> np.ndarray:
    """The coefficients of q/d by d − 1, for d = √(−2 log Φ(−q)), exact to 1e-4."""
    q = np.concatenate([np.linspace(-0.5, 30.0, 3001), np.geomspace(31.0, 1e8, 1001)])
    outside = -0.5 * q**2 - np.log(ROOT_2_PI * (np.abs(q) + _excess(np.abs(q))))
    log_tail = np.where(q > 0, outside, np.log1p(-np.exp(outside)))
    distance = np.sqrt(-2.0 * log_tail)
    return _fitted(
        lambda a: np.interp(a + 1.0, distance, q / distance), QUANTILE_MIDDLE, 10
    )


def _excess(a: np.ndarray) -> np.ndarray:
    """The hazard less a: near 0 by its definition, far out by a continued fraction.

    The fraction is 1/(a + 2/(a + 3/(a + …))).
    """
    near, far = np.minimum(a, 1.5), np.maximum(a, 1.5)
    below = 0.5 * np.array([math.erfc(a_i * 0.5**0.5) for a_i in near])
    fraction = far
    for k in range(400, 1, -1):
        fraction = far + k / fraction
    by_definition = np.exp(-0.5 * near**2) / ROOT_2_PI / below - near
    return np.where(a < 1.5, by_definition, 1.0 / fraction)
