"""The initial weights of a block network: near the identity, yet curved."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_flows.networks.monotone.block_dense import BlockDense
from tfp_flows.networks.monotone.leaky_activation import LeakyActivation

# The centers of units are within ±_WIDTH, as nearly all points of standardized data.
_WIDTH = 3.0
# How steep a unit is at most: as many units as there are then cover the interval, but
# never steeper than can be learned from.
_STEEPEST_OF_ALL, _STEEPEST_PER_UNIT, _RANGE = 8.0, 0.25, 4.0
_FITS = 50


def set_start(
    dense: Sequence[BlockDense], activations: Sequence[LeakyActivation], seed: int
) -> None:
    """Set biases and diagonal blocks such that the network is nearly the identity.

    The centers of each hidden layer's units are spread over an interval, each as a
    function of its dimension's input, and with slopes of its own. Many of them add up
    to nearly a straight line: the last layer's weights are fitted, all of them
    positive, so that the slope of the sum is 1. Learning then has kinks everywhere,
    which weights that are equal or small would not give.

    Args:
        dense: the layers, the output's one last; the blocks below are zero.
        activations: the one after each layer but the last.
        seed: of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    grid = np.linspace(-_WIDTH, _WIDTH, 101)
    shape = [dense[0].num_blocks, 1, grid.size]
    # Each unit along the grid, and its slope.
    h, slope = np.broadcast_to(grid, shape), np.ones(shape)
    for layer, activation in zip(dense, [*activations, None], strict=True):
        weights = np.exp(rng.normal(scale=0.1, size=layer.log_diagonal.shape))
        if activation is None:
            weights, shift = _fitted(weights, slope), 0.0
        else:
            steepness, center = _steepness_and_centers(rng, shape[0], layer.units)
            scale = steepness / (weights @ slope).mean(axis=-1)
            weights, shift = weights * scale[..., np.newaxis], -steepness * center
        bias = shift - (weights @ h).mean(axis=-1)
        layer.log_diagonal.assign(np.log(weights))
        layer.bias.assign(bias[..., np.newaxis])
        if activation is not None:
            pre = tf.constant(weights @ h + bias[..., np.newaxis])
            h, unit_slope = (
                v.numpy() for v in activation.value_and_slope(pre, activation.alpha)
            )
            slope = unit_slope * (weights @ slope)


def _steepness_and_centers(rng, size: int, units: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean slopes of units, and their centers, both ``[D, units]``."""
    centers = np.linspace(-_WIDTH, _WIDTH, units) if units > 1 else np.zeros(1)
    steepest = np.clip(_STEEPEST_PER_UNIT * units, 1.0, _STEEPEST_OF_ALL)
    steepness = steepest * _RANGE ** rng.uniform(-1.0, 0.0, size=[size, units])
    return steepness, np.stack([rng.permutation(centers) for _ in range(size)])


def _fitted(weights: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Fit positive weights by which the slopes add up to 1, by least squares.

    The steps multiply (Lee and Seung, 2001), so that no weight becomes zero.
    """
    wanted = slopes.sum(axis=-1)[:, np.newaxis]
    for _ in range(_FITS):
        fitted = (weights @ slopes) @ np.swapaxes(slopes, 1, 2)
        weights = weights * wanted / fitted
    return weights
