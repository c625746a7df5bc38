"""The distribution function of a mixture of Gaussians."""

import math
from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.elementwise.monotone import (
    Monotone,
    column,
    soft_bounded,
    spread,
)
from tfp_flows.bijectors.elementwise.transformer_spec import TransformerSpec
from tfp_flows.checks import checked_count
from tfp_flows.math import (
    find_root,
    upper_quantile,
    upper_tail,
    upper_tail_of_mixture,
)


class GaussianMixtureCDF(Monotone):
    """Map a standard normal to a mixture of Gaussians, in each dimension.

    Inverse (data → base): z = Φ⁻¹(F(y)), with F(y) = Σⱼ πⱼ·Φ((y − μⱼ)/σⱼ) and Φ the
    distribution function of the standard normal. On the side of the median where y is,
    the logarithm of the tail's probability is matched, so that nothing saturates.

    Forward (base → data): the root y of z(y) = z, by a guarded Newton search.

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
        logits: Any,
        means: Any,
        log_scales: Any,
        validate_args: bool = False,
        name: str = "gaussian_mixture_cdf",
    ):
        super().__init__(dict(locals()))
        self._require_same_length("logits", "means", "log_scales")

    @classmethod
    def _param_shapes(cls, num_components=1):
        each = (checked_count(num_components, f"{cls.__name__}: num_components"),)
        return dict.fromkeys(("logits", "means", "log_scales"), each)

    @classmethod
    def _initial_parameters(cls, event_size, rng, num_components: int = 8):
        return cls._zeros(event_size, num_components=num_components)

    @classmethod
    def spec(cls, *, num_components: int = 8, **options: Any) -> TransformerSpec:
        """A mixture-of-Gaussians conditional for an autoregressive layer.

        Args:
            num_components: J.
            **options: the constructor's other arguments.
        """
        return TransformerSpec(cls, cls._param_shapes(num_components), options)

    def _components(self, rank: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The components' log π, μ and log σ, along the first axis."""
        log_weights = tf.math.log_softmax(self._in_front("logits", rank), axis=0)
        means = self._in_front("means", rank)
        centers, start = spread(means.shape[0])
        log_scales = soft_bounded(self._in_front("log_scales", rank), 5.0)
        return log_weights, means + column(centers, means), math.log(start) + log_scales

    def _curve(self, rank):
        components = self._components(rank)

        def curve(y):
            side, log_tail, log_rate = _tail(y, components)
            distance = upper_quantile(log_tail)
            return side * distance, log_rate - upper_tail(distance)[1]

        return curve

    def _forward_and_log_det(self, x):
        # The tails are compared, which takes no quantile, as √(1 − 2 log G), which is
        # nearly linear in the quantile, so that Newton's steps are few.
        side = tf.where(x < 0, -tf.ones_like(x), 1.0)

        def distance_by(tail):
            def curve(y):
                log_tail, log_rate = tail(y)
                square = 1.0 - 2.0 * log_tail
                return side * tf.sqrt(square), log_rate - 0.5 * tf.math.log(square)

            return curve

        def curve_by(components):
            return distance_by(lambda y: _tail(y, components, side)[1:])

        target, log_slope = distance_by(lambda x: upper_tail(side * x))(x)
        y, log_rate = find_root(
            curve_by(self._components(self._rank(x))),
            curve_by(self._without_gradients()._components(self._rank(x))),
            target,
            where=self._where,
            start=x,
            validate_args=self.validate_args,
        )
        return y, log_slope - log_rate


def _tail(y, components, side=None):
    """The side, log G and log(g/G), G being the probability of the mixture beyond y.

    Matched with the tail of the standard normal, G gives z, and g/G the slope dz/dy.
    """
    log_weights, means, log_scales = components
    points = (y - means) * tf.exp(-log_scales)
    return upper_tail_of_mixture(log_weights, points, -log_scales, side)
