"""The distribution function of a mixture of Gaussians."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors.base import ParameterProperties
from tfp_flows.bijectors.elementwise.elementwise import Elementwise, TransformerSpec
from tfp_flows.bijectors.elementwise.spline import pieces
from tfp_flows.math import newton_polish


class GaussianMixtureCDF(Elementwise):
    """Each dimension of a standard normal becomes a mixture of Gaussians.

    Inverse (data → base): z = Φ⁻¹(F(y)), with F(y) = Σⱼ πⱼ·Φ((y − μⱼ)/σⱼ) and Φ the
    distribution function of the standard normal. Both tails are computed by their
    logarithms, so that nothing saturates.

    Forward (base → data): the root y of z(y) = z. It lies between the smallest and the
    largest of μⱼ + σⱼz, the quantiles of the components; Chandrupatla's search finds it
    there and two Newton steps give it its derivatives.

    Log-determinant: minus log(Σⱼ πⱼφ((y − μⱼ)/σⱼ)/σⱼ) + log φ(z), for each dimension.

    Cost: O(J) a dimension in ``inverse``, the direction of maximum likelihood; in
    ``forward`` some ten to twenty times that.

    The weights π are a softmax of ``logits``. The means and scales are counted from J
    fixed components whose mixture is nearly the standard normal, so that zeros are
    nearly the identity and yet the components differ, as they must to learn.

    Args:
        logits: ``[..., D, J]``, unconstrained.
        means: ``[..., D, J]``, added to the fixed means.
        log_scales: ``[..., D, J]``, added to the logarithms of the fixed scales, within
            ±5 (5·tanh(log_scales/5)).
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parameters whose lengths do not fit each other.
        TypeError: dtypes that differ or are not floating.

    >>> import tfp_flows
    >>> mixture = tfp_flows.bijectors.GaussianMixtureCDF.trainable(1, num_components=2)
    >>> mixture.forward([[0.0]]).numpy().round(3) + 0.0
    array([[0.]], dtype=float32)

    Paper: Bishop (1994), Mixture density networks, whose conditional density this is
    in an autoregressive layer.
    """

    def __init__(
        self,
        logits,
        means,
        log_scales,
        validate_args: bool = False,
        name: str = "gaussian_mixture_cdf",
    ):
        super().__init__(dict(locals()))
        names = self._parameter_properties(self.dtype)
        found = {name: getattr(self, name).shape[-1] for name in names}
        if len(set(found.values())) > 1 or not found["means"]:
            raise ValueError(
                f"{self._where}: the last axes of the parameters must be the same, the "
                f"number of components, but are {found}."
            )

    @classmethod
    def _parameter_properties(cls, dtype):
        names = ("logits", "means", "log_scales")
        return {name: ParameterProperties(event_ndims=1) for name in names}

    @classmethod
    def _initial_parameters(cls, event_size, rng, num_components: int = 8):
        names = cls.parameter_properties(tf.float32)
        return {name: np.zeros([event_size, num_components]) for name in names}

    @classmethod
    def spec(cls, *, num_components: int = 8):
        """A mixture-of-Gaussians conditional for an autoregressive layer.

        Args:
            num_components: J.
        """
        names = cls.parameter_properties(tf.float32)
        return TransformerSpec(cls, dict.fromkeys(names, (num_components,)))

    @classmethod
    def _is_increasing(cls):
        return True

    def _components(self):
        """Of each component, log π, μ and log σ."""
        log_weights = tf.math.log_softmax(tf.convert_to_tensor(self.logits), axis=-1)
        means, log_scales = pieces(self.means), pieces(self.log_scales)
        # A mixture of equal weights with variance r² from the means has variance 1 if
        # each component has 1 − r².
        places = np.linspace(-0.7, 0.7, len(means)) if len(means) > 1 else np.zeros(1)
        start = 0.5 * math.log(1.0 - float(np.var(places)))
        return [
            (log_weight, mean + float(place), start + 5.0 * tf.tanh(log_scale / 5.0))
            for log_weight, mean, log_scale, place in zip(
                tf.unstack(log_weights, axis=-1), means, log_scales, places, strict=True
            )
        ]

    def _to_base(self, y, components):
        """z, and the logarithm of dz/dy."""
        normal = tfd.Normal(tf.zeros([], y.dtype), 1.0)
        scaled = [(w, (y - mean) * tf.exp(-s), s) for w, mean, s in components]
        log_cdf = _log_sum([w + normal.log_cdf(u) for w, u, _ in scaled])
        log_tail = _log_sum([w + normal.log_cdf(-u) for w, u, _ in scaled])
        log_density = _log_sum([w + normal.log_prob(u) - s for w, u, s in scaled])
        is_left = log_cdf < log_tail
        distance = _quantile(tf.where(is_left, log_cdf, log_tail))
        z = tf.where(is_left, -distance, distance)
        return z, log_density - normal.log_prob(z)

    def _inverse(self, y):
        z, log_slope = self._to_base(y, self._components())
        self._remember_ildj(y, log_slope)
        return z

    def _forward(self, x):
        components = self._components()
        y = self._root(x, components)
        self._remember_fldj(x, -self._to_base(y, components)[1])
        return y

    def _root(self, z, components):
        def value_and_slope(y):
            found, log_slope = self._to_base(y, components)
            return found - z, tf.exp(log_slope)

        fixed = [[tf.stop_gradient(part) for part in c] for c in components]
        target = tf.stop_gradient(z)
        low, high = _between([mean + tf.exp(s) * target for _, mean, s in fixed])
        found = tfp.math.find_root_chandrupatla(
            lambda y: self._to_base(y, fixed)[0] - target,
            low=low,
            high=high,
            # Half of the digits; each Newton step doubles them.
            position_tolerance=(high - low) * _eps(z) ** 0.5,
            value_tolerance=0.0,
            max_iterations=100,
        ).estimated_root
        return newton_polish(value_and_slope, found)

    def _forward_log_det_jacobian(self, x):
        return self._fldj_of_forward(x)

    def _inverse_log_det_jacobian(self, y):
        return self._ildj_of_inverse(y)


def _log_sum(terms) -> tf.Tensor:
    return tf.reduce_logsumexp(tf.stack(terms), axis=0)


def _between(ends):
    """A bracket a little wider than all ends, so that rounding leaves no root out."""
    low, high = tf.reduce_min(tf.stack(ends), 0), tf.reduce_max(tf.stack(ends), 0)
    margin = 64 * _eps(low) * (1.0 + tf.maximum(tf.abs(low), tf.abs(high)))
    return low - margin, high + margin


def _eps(x: tf.Tensor) -> float:
    return float(np.finfo(x.dtype.as_numpy_dtype).eps)


def _quantile(log_tail) -> tf.Tensor:
    """Q with log Φ(−q) = log_tail, for log_tail up to log ½, with gradients."""
    normal = tfd.Normal(tf.zeros([], log_tail.dtype), 1.0)

    def value_and_slope(q):
        log_cdf = normal.log_cdf(-q)
        return log_cdf - log_tail, -tf.exp(normal.log_prob(q) - log_cdf)

    # For large q, log Φ(−q) is nearly −q²/2 − log(q√(2π)).
    fixed = tf.stop_gradient(log_tail)
    far = fixed < -10.0
    q = tf.sqrt(-2.0 * tf.where(far, fixed, -10.0))
    q = tf.sqrt(-2.0 * (tf.where(far, fixed, -10.0) + tf.math.log(q) + 0.919))
    near = -tf.math.ndtri(tf.exp(tf.where(far, -10.0, fixed)))
    return newton_polish(value_and_slope, tf.where(far, q, near))
