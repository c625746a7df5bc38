"""The upper tail of the standard normal, exact as far out as there are numbers."""

import math

import tensorflow as tf

from tfp_flows.math.excess_hazard import (
    QUANTILE_MIDDLE,
    ROOT_2_PI,
    excess_hazard,
    quantile_coefficients,
    series,
)
from tfp_flows.math.root import newton_polish

_LOG_ROOT_2_PI = math.log(ROOT_2_PI)


@tf.custom_gradient
def upper_tail(v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Log Φ(−v) and the logarithm of the hazard h(v) = φ(v)/Φ(−v), with gradients.

    The hazard is the slope of −log Φ(−v). As the difference of log φ and log Φ it
    would lose its digits far out, where both are nearly −v²/2.
    """
    size = _size(v)
    hazard = size + excess_hazard(size)
    log_density = -0.5 * size**2 - _LOG_ROOT_2_PI
    is_tail = v > 0
    log_body = tf.math.log1p(-tf.exp(log_density) / hazard)
    log_hazard = tf.math.log(hazard)
    log_tail = tf.where(is_tail, log_density - log_hazard, log_body)
    log_hazard = tf.where(is_tail, log_hazard, log_density - log_body)

    def gradient(by_tail, by_hazard):
        hazard = tf.exp(upper_tail(v)[1])  # Once more, for a second derivative.
        excess = tf.where(v > 0, excess_hazard(tf.abs(v)), hazard - v)
        return by_hazard * excess - by_tail * hazard

    return (log_tail, log_hazard), gradient


def upper_tail_of_mixture(
    log_weights: tf.Tensor,
    points: tf.Tensor,
    log_slopes: tf.Tensor,
    side: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """A tail of Σ wⱼΦ(uⱼ), its logarithm and that of its rate, with gradients.

    The tail is G = Σ wⱼΦ(∓uⱼ), and its rate the derivative of ±log G by whatever the
    points depend on, Σ wⱼφ(uⱼ)u′ⱼ/G. Matched with `upper_tail` of one normal, both
    give the point of that normal and its slope without a difference of large numbers.

    Args:
        log_weights: log wⱼ along the first axis, where the weights sum to 1.
        points: uⱼ, along the first axis.
        log_slopes: log u′ⱼ, along the first axis.
        side: 1 for the tail above a point, −1 for the one below it; if not given, that
            of the two that is smaller.

    Returns:
        The side, log G and the logarithm of the rate.
    """
    if side is None:
        _, outside = _ratios(tf.stop_gradient(points))
        above = tf.where(points > 0, outside, 1.0 - outside)
        weights = tf.exp(tf.stop_gradient(log_weights))
        total = tf.reduce_sum(weights * above, axis=0)
        side = tf.where(total > 0.5, -tf.ones_like(total), 1.0)
    zeros = tf.zeros_like(points)
    log_tail, log_rate = _tail_of_mixture(
        log_weights + zeros, points, log_slopes + zeros, side
    )
    return side, log_tail, log_rate


def _ratios(u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Φ(−|u|)/exp(−u²/2) and Φ(−|u|)."""
    size = _size(u)
    ratio = 1.0 / (ROOT_2_PI * (size + excess_hazard(size)))
    return ratio, tf.exp(-0.5 * size**2) * ratio


def _size(v: tf.Tensor) -> tf.Tensor:
    """|v|, whose gradient at 0 is that of one side.

    ``tf.vectorized_map`` takes the gradients of the formulas, not those written below.
    """
    return tf.where(v > 0, v, -v)


@tf.custom_gradient
def _tail_of_mixture(log_weights, points, log_slopes, side):
    """The logarithms of G and of its rate; the first three arguments have one shape."""

    def parts():
        """Tails of the components, log of their factor; rates, log of their factor."""
        # The exponents of the largest are in the factors, so that the others' ratios
        # to it remain far out, and between sharp components.
        is_beyond = side * points > 0
        log_bells = log_weights - 0.5 * points**2
        log_shares = tf.where(is_beyond, log_bells, log_weights)
        log_tail = _largest(log_shares)
        ratio, outside = _ratios(points)
        shares = tf.exp(log_shares - log_tail)
        tails = shares * tf.where(is_beyond, ratio, 1.0 - outside)
        # From the tail's, or it would be a small difference of two large ones.
        log_rates = (log_bells - log_tail) + log_slopes
        log_rate = _largest(log_rates)
        rates = tf.exp(log_rates - log_rate) / ROOT_2_PI
        return tails, log_tail, rates, log_rate

    tails, log_factor, rates, log_rate_factor = parts()
    log_tail = tf.math.log(tf.reduce_sum(tails, axis=0))
    log_rate = tf.math.log(tf.reduce_sum(rates, axis=0))

    def gradient(by_tail, by_rate):
        # All over again, for a second derivative; XLA computes it once.
        tails, _, rates, log_rate_factor = parts()
        tail, rate = tf.reduce_sum(tails, axis=0), tf.reduce_sum(rates, axis=0)
        hazards = rates * tf.exp(log_rate_factor - log_slopes) / tail
        tails, rates, v = tails / tail, rates / rate, side * points
        # Far out, the excess is a small difference of hazards and tails·v.
        excess = excess_hazard(tf.abs(points))
        excess = tf.where(v > 0, tails * excess, hazards - tails * v)
        by_v = by_rate * (excess + (tails - rates) * v) - by_tail * hazards
        by_weights = by_tail * tails + by_rate * (rates - tails)
        return by_weights, side * by_v, by_rate * rates, None

    return (log_tail + log_factor, log_rate - log_tail + log_rate_factor), gradient


def _largest(x: tf.Tensor) -> tf.Tensor:
    return tf.stop_gradient(tf.reduce_max(x, axis=0))


def upper_quantile(log_tail: tf.Tensor) -> tf.Tensor:
    """Q with log Φ(−q) = log_tail, for log_tail up to about log ½, with gradients."""

    def value_and_slope(q):
        value, log_hazard = upper_tail(q)
        return value - log_tail, -tf.exp(log_hazard)

    # Without a density's factors, Φ(−q) is about exp(−q²/2).
    distance = tf.sqrt(-2.0 * tf.stop_gradient(log_tail))
    ratio = series(quantile_coefficients(), distance - 1.0, QUANTILE_MIDDLE)
    return newton_polish(value_and_slope, distance * ratio)
