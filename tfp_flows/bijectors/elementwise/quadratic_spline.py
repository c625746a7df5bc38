"""The piecewise quadratic spline."""

import itertools
from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.elementwise.spline import Spline, unstack_last
from tfp_flows.math import bin_sizes, choose_bin, left_edges


class QuadraticSpline(Spline):
    """A parabola in each bin, its slope continuous; the identity outside [low, high].

    Forward: the slope is linear in each bin, between values v at the knots that are 1
    at both ends and average to 1 over the interval. In the bin that holds
    t = (x − low)/(high − low), of left edge X, width w and lower edge Y, with
    δ = t − X: value Y + vₖδ + (vₖ₊₁ − vₖ)δ²/(2w).

    Inverse: δ = 2e/(vₖ + √(vₖ² + 2(vₖ₊₁ − vₖ)e/w)) for e above Y, the root written
    without a difference.

    Log-determinant: log(vₖ + (vₖ₊₁ − vₖ)δ/w) for each dimension, 0 outside.

    Cost: O(K) a dimension in both directions.

    Args:
        widths: ``[..., D, K]``, unconstrained: the widths are a softmax of them, above
            a floor.
        slopes: ``[..., D, K − 1]``, unconstrained: at the inner knots. Zeros (or any
            equal numbers) are the identity.
        low: the lower end of the interval.
        high: the upper end.
        min_bin_size: the least width, as a part of the mean, 1/K of the
            interval.
        min_slope: the least slope.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parameters whose lengths do not fit each other; an interval that
            is empty or reversed; a smallest bin or slope outside (0, 1).
        TypeError: dtypes that differ or are not floating.

    >>> import tfp_flows
    >>> spline = tfp_flows.bijectors.QuadraticSpline.trainable(2, num_bins=4)
    >>> spline.forward([[1.0, 8.0]]).numpy()
    array([[1., 8.]], dtype=float32)

    Paper: Müller, McWilliams, Rousselle, Gross and Novák (2019), Neural importance
    sampling. That the slopes at the ends are 1, so that the identity joins smoothly,
    is as in Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows.
    """

    def __init__(
        self,
        widths: Any,
        slopes: Any,
        low: float = -4.0,
        high: float = 4.0,
        min_bin_size: float = 0.4,
        min_slope: float = 0.3,
        validate_args: bool = False,
        name: str = "quadratic_spline",
    ):
        super().__init__(dict(locals()))

    @classmethod
    def _num_params(cls, num_bins):
        return {"widths": num_bins, "slopes": num_bins - 1}

    def _knots(self):
        widths = self._sizes(self.widths)
        slopes = self._inner_slopes(widths)
        one = tf.ones_like(widths[0])
        left, right = [one, *slopes], [*slopes, one]
        heights = [
            0.5 * w * (a + b) for w, a, b in zip(widths, left, right, strict=True)
        ]
        return left_edges(widths), widths, left_edges(heights), left, right

    def _inner_slopes(self, widths) -> list[tf.Tensor]:
        if len(widths) == 1:
            return []
        # Each inner knot weighs half the bins beside it; with the ends at 1, the
        # slopes average to 1 if those of the inner knots do, by these weights.
        weights = [a + b for a, b in itertools.pairwise(widths)]
        relative = bin_sizes(unstack_last(self.slopes), 0.0)
        mean = tf.add_n([w * r for w, r in zip(weights, relative, strict=True)])
        scale = (1.0 - self._min_slope) * tf.add_n(weights) / mean
        return [self._min_slope + scale * r for r in relative]

    def _forward_unit(self, t):
        lefts, *tables = self._knots()
        x0, w, y0, v0, v1 = choose_bin(t, lefts, lefts, *tables)
        delta = t - x0
        rise = (v1 - v0) * delta / w
        return y0 + delta * (v0 + 0.5 * rise), tf.math.log(v0 + rise)

    def _inverse_unit(self, t):
        lefts, widths, bottoms, *slopes = self._knots()
        x0, w, y0, v0, v1 = choose_bin(t, bottoms, lefts, widths, bottoms, *slopes)
        e = tf.maximum(t - y0, 0.0)
        # Between v0² and v1², but for rounding.
        slope = tf.sqrt(
            tf.maximum(v0**2 + 2 * (v1 - v0) * e / w, self._min_slope**2 / 4)
        )
        return x0 + 2 * e / (v0 + slope), tf.math.log(slope)
