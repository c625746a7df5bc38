"""The Swiss roll, seen from the side."""

import math

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.datasets.base import floating
from tfp_flows.datasets.noisy_curves import NoisyCurves


class SwissRoll(NoisyCurves):
    r"""One spiral of growing radius, plus Gaussian noise.

    With u ~ U[0, 1], t = 1.5π (1 + 2u) and ε ~ N(0, I),

    x = ((t cos t, t sin t) + ε) / 5.

    The entropy is 2.670 nats. The definition is that of the toy data of FFJORD
    (Grathwohl et al., 2019, https://arxiv.org/abs/1810.01367).

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> print(f"{SwissRoll().log_prob([0.5, -0.8]):.3f} nats")
    -1.710 nats
    """

    def __init__(
        self,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "SwissRoll",
    ):
        parameters = dict(locals())
        noise = 0.2
        kernel = tfd.Normal(tf.zeros([], floating(dtype)), noise)
        super().__init__(kernel, noise, validate_args, name, parameters)

    def _curves(self, u):
        t = 1.5 * math.pi * (1.0 + 2.0 * u)
        return tf.stack([t * tf.cos(t), t * tf.sin(t)], axis=-1)[None] / 5.0
