"""Normal distributions on a square grid."""

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.checks import checked_count
from tfp_flows.datasets.base import Density2D, floating


class GaussianGrid(Density2D):
    r"""A mixture of equal normal distributions at the points of a square grid.

    With k and l uniform on 0, …, size − 1, and ε ~ N(0, scale² I),

    x = (k − (size − 1)/2, l − (size − 1)/2) + ε.

    With 10 × 10 of them and scale 0.1 they hardly overlap, and the entropy is 2.838
    nats: 4.605 of which one it is, and −1.767 of where in it. So many modes apart from
    each other are the test of Huang et al. (2018, https://arxiv.org/abs/1804.00779).

    Args:
        size: how many there are in a row.
        scale: the standard deviation of each, in distances of the grid.
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64, or ``size`` no integer.
        ValueError: if ``size`` is below 1, or ``scale`` not positive.

    >>> print(f"{GaussianGrid().entropy():.3f} nats")
    2.838 nats
    """

    def __init__(
        self,
        size: int = 10,
        scale: float = 0.1,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "GaussianGrid",
    ):
        parameters = dict(locals())
        dtype = floating(dtype)
        size = checked_count(size, "GaussianGrid: size")
        if not scale > 0:
            raise ValueError(f"GaussianGrid: scale must be positive, but got {scale}.")
        edge = (size - 1) / 2
        axis = tf.constant(np.arange(size) - edge, dtype)
        centers = tf.stack(tf.meshgrid(axis, axis), axis=-1)
        self._mixture = tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros([size**2], dtype)),
            tfd.MultivariateNormalDiag(
                tf.reshape(centers, [-1, 2]), tf.fill([2], tf.constant(scale, dtype))
            ),
        )
        edge += 4.0 * scale
        bounds = ((-edge, edge), (-edge, edge))
        super().__init__(bounds, scale, dtype, validate_args, name, parameters)

    def _sample_n(self, n, seed=None):
        return self._mixture.sample(n, seed=seed)

    def _log_density(self, x):
        return self._mixture.log_prob(x)
