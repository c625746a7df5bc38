"""Mixtures of logistic functions, by logarithms: exact as far out as there are numbers.

Components are along the first axis.
"""

import numpy as np
import tensorflow as tf

# Where the outer components of `nearly_logistic` stand: further out they learn sharp
# edges sooner, and the start is further from the identity.
_OUTSIDE = 1.45


def log_sum_exp(x: tf.Tensor) -> tf.Tensor:
    """The logarithm of Σ exp over the first axis."""
    return tf.reduce_logsumexp(x, axis=0)


def logit_of_mixture(
    log_weights: tf.Tensor, points: tf.Tensor, log_slopes: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The logit of Σ wⱼσ(uⱼ), σ the logistic function, and the log of its derivative.

    Both tails are summed, so that neither is 1 minus the other.

    Args:
        log_weights: log wⱼ, where the weights sum to 1.
        points: uⱼ.
        log_slopes: log u′ⱼ, by whatever the points depend on.
    """
    # (Not one from the other: their difference u would round away the smaller one.)
    below = log_weights - tf.nn.softplus(-points)
    above = log_weights - tf.nn.softplus(points)
    log_below, log_above = log_sum_exp(below), log_sum_exp(above)
    log_rate = log_sum_exp(below + above - log_weights + log_slopes)
    return log_below - log_above, log_rate - log_below - log_above


def nearly_logistic(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A mixture of different components that is nearly the logistic distribution.

    Parameters are counted from it, so that zeros are nearly the identity and yet the
    components differ, as they must to learn. Two of scale 1 stand outside and make the
    tails, with weights that make them right; the others, of one smaller scale, stand
    between and make the slope at 0 right. Its logit is off by about 0.1 at most, 0.05
    with 16 components. (Two components are off by up to 1, far out.)

    Args:
        count: of the components.

    Returns:
        Log-weights, centers, and the logarithms of the scales.
    """
    if count <= 2:
        centers = np.linspace(-0.6, 0.6, count) if count > 1 else np.zeros(1)
        log_scale = 0.5 * np.log(1.0 - 3.0 * np.var(centers) / np.pi**2)
        return (
            np.full(count, -np.log(count)),
            centers,
            np.full(count, log_scale),
        )
    weight = 0.5 / np.cosh(_OUTSIDE)
    inner, inner_weight = np.linspace(-1.0, 1.0, count)[1:-1], 1.0 - 2.0 * weight
    scales = np.linspace(0.3, 1.0, 701)
    inside = (_bell(inner[:, np.newaxis] / scales) / scales).mean(axis=0)
    slopes = inner_weight * inside + 2.0 * weight * _bell(_OUTSIDE)
    scale = scales[np.argmin(np.abs(slopes - 0.25))]
    inner_weights = np.full(count - 2, inner_weight / (count - 2))
    weights = np.array([weight, *inner_weights, weight])
    return (
        np.log(weights),
        np.array([-_OUTSIDE, *inner, _OUTSIDE]),
        np.log([1.0, *np.full(count - 2, scale), 1.0]),
    )


def _bell(x) -> np.ndarray:
    """The logistic density."""
    return 0.25 / np.cosh(0.5 * x) ** 2
