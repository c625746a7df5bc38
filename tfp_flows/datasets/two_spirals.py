"""Two spirals that wind around each other."""

import math

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.datasets.base import floating
from tfp_flows.datasets.noisy_curves import NoisyCurves


class TwoSpirals(NoisyCurves):
    r"""Two spiral arms, each the other's reflection in the origin, plus noise.

    With u ~ U[0, 1], n = 3π √u, v ~ U[0, ½]² and ε ~ N(0, 0.1² I),

    x = ± ((−n cos n, n sin n) + v) / 3 + ε,  either sign half of the time.

    The noise on each axis is thus uniform plus Gaussian. The entropy is 2.645 nats. The
    definition is that of the toy data of FFJORD
    (Grathwohl et al., 2019, https://arxiv.org/abs/1810.01367).

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> spirals = TwoSpirals()
    >>> print(f"{spirals.log_prob([0.1, 1.5]):.3f} nats")
    -2.139 nats
    """

    def __init__(
        self,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "TwoSpirals",
    ):
        parameters = dict(locals())
        noise = 0.1
        kernel = UniformPlusNormal(0.25 / 3.0, noise, floating(dtype))
        super().__init__(kernel, noise, validate_args, name, parameters)

    def _curves(self, u):
        n = 3.0 * math.pi * tf.sqrt(u)
        # The mean of v belongs to the curve: the kernel is then the same for both arms.
        x, y = 0.25 - n * tf.cos(n), 0.25 + n * tf.sin(n)
        arm = tf.stack([x, y], axis=-1) / 3.0
        return tf.stack([arm, -arm])


class UniformPlusNormal(tfd.Distribution):
    r"""The sum of U[−w, w] and N(0, σ²), a scalar.

    p(d) = (erfc((d − w) / √2σ) − erfc((d + w) / √2σ)) / 4w. It is even, so that d may
    be replaced by |d|, which keeps the two terms from being nearly equal.

    Args:
        half_width: w > 0.
        scale: σ > 0.
        dtype: float32 or float64.
        name: the name of the distribution.
    """

    def __init__(
        self,
        half_width: float,
        scale: float,
        dtype: tf.DType | str,
        name: str = "UniformPlusNormal",
    ):
        parameters = dict(locals())
        self.half_width, self.scale = float(half_width), float(scale)
        super().__init__(
            dtype=dtype,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    def _event_shape(self):
        return tf.TensorShape([])

    def _sample_n(self, n, seed=None):
        uniform_seed, normal_seed = tfp.random.split_seed(seed)
        w = self.half_width
        uniform = tf.random.stateless_uniform([n], uniform_seed, -w, w, self.dtype)
        normal = tf.random.stateless_normal([n], normal_seed, dtype=self.dtype)
        return uniform + self.scale * normal

    def _log_prob(self, d):
        unit = math.sqrt(2.0) * self.scale
        a = (tf.abs(d) - self.half_width) / unit
        log_difference = _log_erfc_difference(a, 2.0 * self.half_width / unit)
        return log_difference - math.log(4.0 * self.half_width)


def _log_erfc_difference(a, gap: float):
    """ln(erfc(a) − erfc(a + gap)), also where both are too small to represent.

    Twenty times as fast as the difference of two ``log_cdf``s of TFP.
    """
    # Each branch sees only arguments that it can bear, so that gradients stay finite.
    near, far = tf.minimum(a, 6.0), tf.maximum(a, 6.0)
    log_near = tf.math.log(tf.math.erfc(near) - tf.math.erfc(near + gap))
    ratio = tf.exp(-gap * (2.0 * far + gap))
    scaled = _erfc_fraction(far) - ratio * _erfc_fraction(far + gap)
    log_far = tf.math.log(scaled / math.sqrt(math.pi)) - far**2
    return tf.where(a < 6.0, log_near, log_far)


def _erfc_fraction(a):
    """√π exp(a²) erfc(a) by Laplace's continued fraction, to 1e-8 for a ≥ 6."""
    tail = a
    for k in range(5, 0, -1):
        tail = a + 0.5 * k / tail
    return 1.0 / tail
