"""Densities that are known up to their normalizer, on a square."""

import functools
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.datasets.base import Density2D, midpoints

SQUARE = ((-4.0, 4.0), (-4.0, 4.0))
CELL = 0.01


class Potential(Density2D):
    r"""The density of a potential U, restricted to the square [−4, 4]².

    p(z) = exp(−U(z)) / Z inside the square, 0 outside (``log_prob`` is −∞), with
    Z = ∫ exp(−U(z)) dz over the square. ln Z and the entropy are integrals over cells
    of side 0.01 (midpoint rule, float64), made when they are first needed. A sample is
    drawn by picking a cell with its probability and a point of the cell uniformly: its
    density is p to second order in the side of the cells.

    ``unnormalized_log_prob(z)`` is −U(z) inside and −∞ outside. A flow that is to learn
    the density by reverse KL must therefore end on the square, for example with
    ``experimental_default_event_space_bijector()``; or it is trained on
    ``potential(z)``, which is finite everywhere. KL(q‖p) = E_q[ln q(z) + U(z)] + ln Z.

    Args:
        potential: a function, in TensorFlow operations, from z of shape ``[..., 2]`` to
            U(z) of shape ``[...]``, in nats. It should vary little over 0.01.
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that z is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64, or ``potential`` is not
            callable.

    >>> flat = Potential(lambda z: tf.zeros_like(z[..., 0]))
    >>> print(f"{flat.log_normalizer:.4f} {flat.entropy():.4f}")  # ln 64
    4.1589 4.1589
    """

    def __init__(
        self,
        potential: Callable[[tf.Tensor], tf.Tensor],
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "Potential",
    ):
        parameters = dict(locals())
        if not callable(potential):
            raise TypeError(
                "potential must be a function of z, but got "
                f"{type(potential).__name__}."
            )
        self._potential = potential
        super().__init__(SQUARE, CELL, dtype, validate_args, name, parameters)

    def potential(self, z: tf.Tensor) -> tf.Tensor:
        """U(z) in nats, for z of shape ``[..., 2]``; finite outside the square too."""
        return self._potential(tf.convert_to_tensor(z, self.dtype))

    @property
    def log_normalizer(self) -> tf.Tensor:
        """The scalar tensor ln Z, the logarithm of the integral of exp(−U)."""
        return tf.constant(self._cells[0], self.dtype)

    def _default_event_space_bijector(self):
        low, high = (tf.constant(edge, self.dtype) for edge in SQUARE[0])
        return tfp.bijectors.Sigmoid(low, high, validate_args=self.validate_args)

    @functools.cached_property
    def _cells(self) -> tuple[float, float, np.ndarray]:
        """The numbers ln Z and the entropy, and the cumulated mass of the cells."""
        z, area = midpoints(SQUARE, CELL)
        with tf.init_scope():  # a number, also while a tf.function is traced
            u = self._potential(tf.constant(z, tf.float64)).numpy()
        weights = np.exp(u.min() - u)
        log_normalizer = math.log(area * weights.sum()) - u.min()
        p = weights / weights.sum()
        return log_normalizer, log_normalizer + float(np.sum(p * u)), np.cumsum(p)

    def _entropy(self):
        return tf.constant(self._cells[1], self.dtype)

    def _sample_n(self, n, seed=None):
        cell_seed, inside_seed = tfp.random.split_seed(seed)
        rows = math.isqrt(len(self._cells[2]))
        # In float64: float32 has too few numbers in [0, 1] for so many cells.
        at = tf.random.stateless_uniform([n], cell_seed, dtype=tf.float64)
        # Without the last edge, which is 1 but for rounding: no cell lies behind it.
        cell = tf.searchsorted(tf.constant(self._cells[2][:-1]), at, side="right")
        corner = tf.stack([cell // rows, cell % rows], axis=-1)
        inside = tf.random.stateless_uniform([n, 2], inside_seed, dtype=self.dtype)
        steps = tf.cast(corner, self.dtype) + inside
        return SQUARE[0][0] + CELL * steps

    def _unnormalized_log_prob(self, z):
        inside = tf.reduce_all(tf.abs(z) <= SQUARE[0][1], axis=-1)
        nothing = tf.constant(-math.inf, self.dtype)
        return tf.where(inside, -self._potential(z), nothing)

    def _log_density(self, z):
        return self._unnormalized_log_prob(z) - self.log_normalizer
