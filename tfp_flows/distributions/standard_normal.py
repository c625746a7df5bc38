"""The base of most flows."""

import math

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.checks import checked_count
from tfp_flows.random_state import SampledBySeed


class StandardNormal(SampledBySeed, tfd.Distribution):
    """The standard normal on vectors: independent dimensions of mean 0, variance 1.

    Density: log p(x) = −(‖x‖² + D·log 2π)/2, in nats.

    The same as ``tfd.MultivariateNormalDiag(tf.zeros(D))``, but under XLA it samples
    some 20 times faster: TFP leaves the choice of the random number generator to
    TensorFlow, which there, on a CPU, takes a slow one. Philox is asked for here;
    eager, graph and XLA then also give the same numbers for the same seed.

    Args:
        event_size: D.
        dtype: float32 or float64.
        validate_args: as in TFP.
        allow_nan_stats: as in TFP.
        name: as in TFP.

    Raises:
        TypeError: an event size that is no integer, a dtype that is not floating.
        ValueError: an event size below 1.

    >>> import tfp_flows
    >>> normal = tfp_flows.distributions.StandardNormal(2)
    >>> normal.log_prob([0.0, 0.0]).numpy().round(3)
    np.float32(-1.838)
    >>> normal.sample(5, seed=[0, 1]).shape
    TensorShape([5, 2])
    """

    def __init__(
        self,
        event_size: int,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "standard_normal",
    ):
        parameters = dict(locals())
        where = f"StandardNormal {name!r}"
        self._event_size = checked_count(event_size, f"{where}: event_size")
        dtype = tf.as_dtype(dtype)
        if not dtype.is_floating:
            raise TypeError(f"{where}: dtype must be floating, but got {dtype.name}.")
        super().__init__(
            dtype=dtype,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    def _event_shape(self):
        return tf.TensorShape([self._event_size])

    def _event_shape_tensor(self):
        return tf.constant([self._event_size])

    def _sample_n(self, n, seed=None):
        seed = tfp.random.sanitize_seed(seed)
        shape = [n, self._event_size]
        return tf.random.stateless_normal(shape, seed, dtype=self.dtype, alg="philox")

    def _log_prob(self, x):
        squares = tf.reduce_sum(tf.square(x), axis=-1)
        return -0.5 * (squares + self._event_size * math.log(2.0 * math.pi))

    def _entropy(self):
        entropy = 0.5 * self._event_size * (1.0 + math.log(2.0 * math.pi))
        return tf.constant(entropy, self.dtype)

    def _mean(self):
        return tf.zeros([self._event_size], self.dtype)

    _mode = _mean

    def _variance(self):
        return tf.ones([self._event_size], self.dtype)

    _stddev = _variance

    def _covariance(self):
        return tf.eye(self._event_size, dtype=self.dtype)

    def _default_event_space_bijector(self):
        return tfp.bijectors.Identity(validate_args=self.validate_args)
