"""Eight normal distributions on a circle."""

import math

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.datasets.base import Density2D, floating


class EightGaussians(Density2D):
    r"""A mixture of eight equal normal distributions, at multiples of 45°.

    With k uniform on 0, …, 7 and ε ~ N(0, 0.5² I),

    x = (4 cos(kπ/4), 4 sin(kπ/4)) / 1.414 + ε / 1.414.

    The entropy is 2.832 nats. The definition is that of the toy data of FFJORD
    (Grathwohl et al., 2019, https://arxiv.org/abs/1810.01367), 1.414 included.

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> print(f"{EightGaussians().entropy():.3f} nats")
    2.832 nats
    """

    def __init__(
        self,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "EightGaussians",
    ):
        parameters = dict(locals())
        dtype = floating(dtype)
        radius, noise = 4.0 / 1.414, 0.5 / 1.414
        angles = math.pi / 4.0 * np.arange(8)
        centers = radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        self._mixture = tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros([8], dtype)),
            tfd.MultivariateNormalDiag(
                tf.constant(centers, dtype), tf.fill([2], tf.constant(noise, dtype))
            ),
        )
        edge = radius + 4.0 * noise
        bounds = ((-edge, edge), (-edge, edge))
        super().__init__(bounds, noise, dtype, validate_args, name, parameters)

    def _sample_n(self, n, seed=None):
        return self._mixture.sample(n, seed=seed)

    def _log_density(self, x):
        return self._mixture.log_prob(x)
