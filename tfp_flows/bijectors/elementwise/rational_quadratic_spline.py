"""The rational-quadratic spline."""

import math
from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.elementwise.spline import Spline, unstack_last
from tfp_flows.math import choose_bin, clip_straight_through, left_edges


class RationalQuadraticSpline(Spline):
    """A quotient of parabolas in each bin; the identity outside [low, high].

    Forward: in the bin that holds t = (x − low)/(high − low), of left edge X, width w,
    lower edge Y, height h and slopes d₀, d₁ at its edges, with s = h/w and
    ξ = (t − X)/w: value Y + h(sξ² + d₀ξ(1 − ξ))/(s(ξ² + (1 − ξ)²) + (d₀ + d₁)ξ(1 − ξ)).

    Inverse: the root ξ of a quadratic, in the form without a difference, closed.

    Log-determinant: log(s²(d₁ξ² + 2sξ(1 − ξ) + d₀(1 − ξ)²)) − 2 log of the denominator
    for each dimension, 0 outside.

    Cost: O(K) a dimension in both directions.

    Args:
        widths: ``[..., D, K]``, unconstrained: the widths are a softmax of them, above
            a floor.
        heights: ``[..., D, K]``, as the widths.
        slopes: ``[..., D, K − 1]``, unconstrained: the logarithms of the slopes at the
            inner knots, soft-bounded; at the ends the slope is 1. All zeros are the
            identity.
        low: the lower end of the interval.
        high: the upper end.
        min_bin_size: the least width and height, as a part of the mean, 1/K of the
            interval.
        min_slope: the least slope at a knot, s; the greatest is 1/s.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parameters whose lengths do not fit each other; an interval that
            is empty or reversed; a smallest bin or slope outside (0, 1).
        TypeError: dtypes that differ or are not floating.

    >>> import tfp_flows
    >>> spline = tfp_flows.bijectors.RationalQuadraticSpline(
    ...     widths=[[0.0, 0.0]], heights=[[0.0, 1.0]], slopes=[[0.0]])
    >>> spline.forward([[0.0], [7.0]]).numpy().round(3)
    array([[-1.109],
           [ 7.   ]], dtype=float32)

    Paper: Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows.
    """

    def __init__(
        self,
        widths: Any,
        heights: Any,
        slopes: Any,
        low: float = -4.0,
        high: float = 4.0,
        min_bin_size: float = 0.4,
        min_slope: float = 0.3,
        validate_args: bool = False,
        name: str = "rational_quadratic_spline",
    ):
        super().__init__(dict(locals()))

    @classmethod
    def _num_params(cls, num_bins):
        return {"widths": num_bins, "heights": num_bins, "slopes": num_bins - 1}

    def _knot_slopes(self) -> list[tf.Tensor]:
        """The unconstrained slope at each knot, where zero stands for the slope 1."""
        inner = unstack_last(self.slopes)
        end = tf.zeros([], self.dtype)
        return [end, *inner, end]

    def _slope(self, raw) -> tf.Tensor:
        bound = -math.log(self._min_slope)
        return tf.exp(bound * tf.tanh(raw / bound))

    def _bin(self, t, use_heights: bool):
        widths = self._sizes(self.widths)
        heights = self._sizes(self.heights)
        lefts, bottoms = left_edges(widths), left_edges(heights)
        raw = self._knot_slopes()
        x0, w, y0, h, raw0, raw1 = choose_bin(
            t,
            bottoms if use_heights else lefts,
            *(lefts, widths, bottoms, heights, raw[:-1], raw[1:]),
        )
        # The exponential of two slopes, not of all.
        return x0, w, y0, h, self._slope(raw0), self._slope(raw1)

    def _forward_unit(self, t):
        x0, w, y0, h, d0, d1 = self._bin(t, use_heights=False)
        xi = clip_straight_through((t - x0) / w, 0.0, 1.0)
        value, log_slope = _curve(xi, h / w, d0, d1)
        return y0 + h * value, log_slope

    def _inverse_unit(self, t):
        x0, w, y0, h, d0, d1 = self._bin(t, use_heights=True)
        eta = clip_straight_through((t - y0) / h, 0.0, 1.0)
        xi = _root(eta, h / w, d0, d1)
        _, log_slope = _curve(xi, h / w, d0, d1)
        return x0 + w * xi, log_slope


def _curve(xi, s, d0, d1):
    """The value at ξ in [0, 1], both within the bin, and the logarithm of the slope."""
    v = 1.0 - xi
    product = xi * v
    denominator = s * (xi**2 + v**2) + (d0 + d1) * product
    value = (s * xi**2 + d0 * product) / denominator
    numerator = d1 * xi**2 + 2.0 * s * product + d0 * v**2
    log_slope = tf.math.log(numerator) + 2.0 * tf.math.log(s / denominator)
    return value, log_slope


def _root(eta, s, d0, d1):
    """ξ whose value is η: the root in [0, 1] of aξ² + bξ = sη."""
    excess = d0 + d1 - 2.0 * s
    a = s - d0 + eta * excess
    b = d0 - eta * excess
    root = tf.sqrt(tf.maximum(b**2 + 4.0 * a * s * eta, 0.0))
    # Of the two forms of the root, the one whose terms have the same sign.
    positive = b >= 0
    numerator = tf.where(positive, 2.0 * s * eta, root - b)
    denominator = tf.where(positive, b + root, 2.0 * a)
    return clip_straight_through(numerator / denominator, 0.0, 1.0)
