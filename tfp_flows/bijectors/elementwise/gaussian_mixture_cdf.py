"""The distribution function of a mixture of Gaussians."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.base import ParameterProperties
from tfp_flows.bijectors.elementwise.elementwise import Elementwise, TransformerSpec
from tfp_flows.bijectors.elementwise.spline import pieces
from tfp_flows.math import newton_polish, upper_quantile, upper_tail


class GaussianMixtureCDF(Elementwise):
    """Each dimension of a standard normal becomes a mixture of Gaussians.

    Inverse (data → base): z = Φ⁻¹(F(y)), with F(y) = Σⱼ πⱼ·Φ((y − μⱼ)/σⱼ) and Φ the
    distribution function of the standard normal. On the side of the median where y is,
    the logarithm of the tail's probability is matched, so that nothing saturates.

    Forward (base → data): the root y of z(y) = z. It lies between the smallest and the
    largest of μⱼ + σⱼz, the quantiles of the components; Chandrupatla's search finds it
    there and two Newton steps give it its derivatives.

    Log-determinant: log φ(z) − log(Σⱼ πⱼφ((y − μⱼ)/σⱼ)/σⱼ), for each dimension.

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
                pieces(log_weights), means, log_scales, places, strict=True
            )
        ]

    def _inverse(self, y):
        components = self._components()
        side = _side(y, components)
        log_tail, log_rate = _tail(y, side, components)
        distance = upper_quantile(log_tail)
        self._remember_ildj(y, log_rate - upper_tail(distance)[1])
        return side * distance

    def _forward(self, x):
        components = self._components()
        side = tf.where(x < 0, -tf.ones_like(x), 1.0)
        log_tail, log_hazard = upper_tail(side * x)
        y = _root(log_tail, x, side, components)
        self._remember_fldj(x, log_hazard - _tail(y, side, components)[1])
        return y

    def _forward_log_det_jacobian(self, x):
        return self._fldj_of_forward(x)

    def _inverse_log_det_jacobian(self, y):
        return self._ildj_of_inverse(y)


def _side(y, components) -> tf.Tensor:
    """−1 where y is below the median, 1 elsewhere."""
    above = tf.add_n(
        [
            tf.exp(w) * tf.math.erfc((y - mean) * tf.exp(-s) * 0.5**0.5)
            for w, mean, s in components
        ]
    )  # Twice the probability.
    return tf.where(above > 1.0, -tf.ones_like(above), 1.0)


def _tail(y, side, components):
    """Of the mixture beyond y on one side, the log-probability and its log-slope.

    That is log G and log(g/G), with G = F(y) if ``side`` is −1 and 1 − F(y) if it is
    1, and g the density. Against the same of the standard normal, G gives z and g/G
    the slope dz/dy, without a difference of two large numbers.
    """
    scaled = tf.stack([side * (y - mean) * tf.exp(-s) for _, mean, s in components])
    tails, hazards = (tf.unstack(part) for part in upper_tail(scaled))
    each = [w + tail for (w, _, _), tail in zip(components, tails, strict=True)]
    total = _log_sum(each)
    rates = [
        (part - total) + (hazard - s)
        for part, hazard, (_, _, s) in zip(each, hazards, components, strict=True)
    ]
    return total, _log_sum(rates)


def _root(log_tail, z, side, components):
    """The y beyond which the mixture has the probability that z has beyond it."""

    def value_and_slope(y):
        found, log_rate = _tail(y, side, components)
        return found - log_tail, -side * tf.exp(log_rate)

    fixed = [[tf.stop_gradient(part) for part in c] for c in components]
    target, z = tf.stop_gradient(log_tail), tf.stop_gradient(z)
    low, high = _between([mean + tf.exp(s) * z for _, mean, s in fixed])
    eps = float(np.finfo(z.dtype.as_numpy_dtype).eps)
    narrowest = tf.exp(tf.reduce_min(tf.stack([s + 0.0 * z for _, _, s in fixed]), 0))
    found = tfp.math.find_root_chandrupatla(
        lambda y: _tail(y, side, fixed)[0] - target,
        low=low,
        high=high,
        # Half of the digits; each Newton step doubles them.
        position_tolerance=eps**0.5 * narrowest + eps * (tf.abs(low) + tf.abs(high)),
        value_tolerance=0.0,
        max_iterations=100,
    ).estimated_root
    return newton_polish(value_and_slope, found)


def _log_sum(terms) -> tf.Tensor:
    return tf.reduce_logsumexp(tf.stack(terms), axis=0)


def _between(ends):
    """A bracket a little wider than all ends, so that rounding leaves no root out."""
    low, high = tf.reduce_min(tf.stack(ends), 0), tf.reduce_max(tf.stack(ends), 0)
    eps = float(np.finfo(low.dtype.as_numpy_dtype).eps)
    margin = 64 * eps * (1.0 + tf.maximum(tf.abs(low), tf.abs(high)))
    return low - margin, high + margin
