"""The two moons."""

import math

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.datasets.base import floating, positive
from tfp_flows.datasets.noisy_curves import NoisyCurves


class TwoMoons(NoisyCurves):
    r"""Two interleaved half circles of radius 1, plus Gaussian noise.

    With t ~ U[0, π] and ε ~ N(0, noise² I), each of these half of the time:

    x = (cos t, sin t) + ε,  x = (1 − cos t, ½ − sin t) + ε.

    The entropy is 1.008 nats at noise 0.1 and 0.289 nats at noise 0.05. The number of
    kernels in ``log_prob`` grows like 1 / noise, and the time of the (first)
    ``entropy`` like 1 / noise³: 0.1 s at 0.05, some seconds at 0.01.

    Args:
        noise: the standard deviation of the noise; a Python number, not a tensor.
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.

    Raises:
        ValueError: if ``noise`` is not finite and positive.
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> moons = TwoMoons(noise=0.1)
    >>> moons.sample(5, seed=[0, 1]).shape
    TensorShape([5, 2])
    >>> print(f"{moons.entropy():.3f} nats")
    1.008 nats
    """

    def __init__(
        self,
        noise: float = 0.1,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "TwoMoons",
    ):
        parameters = dict(locals())
        self.noise = positive(noise, "noise of TwoMoons")
        kernel = tfd.Normal(tf.zeros([], floating(dtype)), self.noise)
        super().__init__(kernel, self.noise, validate_args, name, parameters)

    def _curves(self, u):
        cos, sin = tf.cos(math.pi * u), tf.sin(math.pi * u)
        upper = tf.stack([cos, sin], axis=-1)
        lower = tf.stack([1.0 - cos, 0.5 - sin], axis=-1)
        return tf.stack([upper, lower])
