"""A checkerboard."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.datasets.base import Density2D


class Checkerboard(Density2D):
    r"""Uniform on alternate squares of side 2 of the board [−4, 4]².

    p(x) = 1/32 where ⌊x₁/2⌋ + ⌊x₂/2⌋ is even, and 0 elsewhere (``log_prob`` is −∞). The
    entropy is ln 32 = 3.466 nats. The definition is that of the toy data of FFJORD
    (Grathwohl et al., 2019, https://arxiv.org/abs/1810.01367).

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> print(Checkerboard().prob([[1.0, 1.0], [3.0, 1.0]]).numpy())
    [0.03125 0.     ]
    """

    def __init__(
        self,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "Checkerboard",
    ):
        parameters = dict(locals())
        bounds = ((-4.0, 4.0), (-4.0, 4.0))
        super().__init__(bounds, 2.0, dtype, validate_args, name, parameters)

    def _default_event_space_bijector(self):
        low, high = (tf.constant(edge, self.dtype) for edge in (-4.0, 4.0))
        return tfp.bijectors.Sigmoid(low, high, validate_args=self.validate_args)

    def _sample_n(self, n, seed=None):
        square_seed, inside_seed = tfp.random.split_seed(seed)
        square = tf.random.stateless_uniform([n], square_seed, 0, 8, tf.int32)
        column, row = square // 2, 2 * (square % 2)
        row += column % 2
        corner = tf.cast(tf.stack([column, row], axis=-1), self.dtype) - 2.0
        inside = tf.random.stateless_uniform([n, 2], inside_seed, dtype=self.dtype)
        return 2.0 * (corner + inside)

    def _log_density(self, x):
        index = tf.floor(x / 2.0)
        on_board = tf.reduce_all((index >= -2.0) & (index <= 1.0), axis=-1)
        even = tf.equal(tf.math.floormod(tf.reduce_sum(index, axis=-1), 2.0), 0.0)
        log_p = tf.constant(-math.log(32.0), self.dtype)
        nothing = tf.constant(-math.inf, self.dtype)
        return tf.where(on_board & even, log_p, nothing)

    def _entropy(self):
        return tf.constant(math.log(32.0), self.dtype)
