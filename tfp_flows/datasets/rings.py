"""Concentric circles."""

import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.datasets.base import Density2D


class NoisyCircles(Density2D):
    r"""Circles around the origin, each as likely, plus Gaussian noise.

    The mean over a circle of radius R of the normal density N(x; ·, σ² I) is

    exp(−(r² + R²) / 2σ²) I₀(rR / σ²) / (2πσ²),  r = ‖x‖,

    and the density is the mean of these over the radii. It is evaluated with the scaled
    function exp(−z) I₀(z), which cannot overflow.

    Args:
        radii: the radii of the circles.
        noise: σ.
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.
        parameters: the constructor arguments of the subclass.
    """

    def __init__(
        self,
        radii: Sequence[float],
        noise: float,
        dtype: tf.DType | str,
        validate_args: bool,
        name: str,
        parameters: dict,
    ):
        self._radii, self._noise = radii, noise
        edge = max(radii) + 4.0 * noise
        bounds = ((-edge, edge), (-edge, edge))
        super().__init__(bounds, noise, dtype, validate_args, name, parameters)

    def _sample_n(self, n, seed=None):
        radius_seed, angle_seed, noise_seed = tfp.random.split_seed(seed, n=3)
        radii = tf.constant(self._radii, self.dtype)
        which = tf.random.stateless_uniform(
            [n], radius_seed, 0, len(self._radii), tf.int32
        )
        angle = tf.random.stateless_uniform(
            [n], angle_seed, 0.0, 2.0 * math.pi, self.dtype
        )
        direction = tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)
        noise = tf.random.stateless_normal([n, 2], noise_seed, dtype=self.dtype)
        return tf.gather(radii, which)[:, None] * direction + self._noise * noise

    def _log_density(self, x):
        radii = tf.constant(self._radii, self.dtype)
        square = tf.reduce_sum(x**2, axis=-1, keepdims=True)
        # At the center the slope of the norm is not defined; that of the density is 0.
        r = tf.sqrt(tf.maximum(square, 1e-20))
        variance = self._noise**2
        log_p = -0.5 * (r - radii) ** 2 / variance
        log_p += tf.math.log(tf.math.bessel_i0e(r * radii / variance))
        log_normalizer = math.log(2.0 * math.pi * variance * len(self._radii))
        return tf.reduce_logsumexp(log_p, axis=-1) - log_normalizer


class Rings(NoisyCircles):
    r"""Four circles of radius 3, 2.25, 1.5 and 0.75, plus N(0, 0.08² I).

    Each circle is as likely: the inner ones are brighter. The entropy is 2.623 nats.
    The density has a closed form with the Bessel function I₀. The definition is that of
    the toy data of FFJORD (Grathwohl et al., 2019, https://arxiv.org/abs/1810.01367).

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> print(f"{Rings().log_prob([3.0, 0.0]):.3f} nats")
    -2.716 nats
    """

    def __init__(
        self,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "Rings",
    ):
        parameters = dict(locals())
        radii = (3.0, 2.25, 1.5, 0.75)
        super().__init__(radii, 0.08, dtype, validate_args, name, parameters)


class Circles(NoisyCircles):
    r"""Two circles of radius 3 and 1.5, plus N(0, 0.24² I).

    Both circles are as likely. The entropy is 3.268 nats. The density has a closed form
    with the Bessel function I₀. The definition is that of the toy data of FFJORD
    (Grathwohl et al., 2019, https://arxiv.org/abs/1810.01367).

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> print(f"{Circles().entropy():.3f} nats")
    3.268 nats
    """

    def __init__(
        self,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "Circles",
    ):
        parameters = dict(locals())
        super().__init__((3.0, 1.5), 0.24, dtype, validate_args, name, parameters)
