"""The monotone cubic spline."""

import math
from typing import Any, ClassVar

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.elementwise.spline import Spline, unstack_last
from tfp_flows.math import (
    choose_bin,
    clip_straight_through,
    left_edges,
    newton_polish,
)


class CubicSpline(Spline):
    """A monotone cubic in each bin; the identity outside [low, high].

    Inverse (data → base): in the bin that holds t = (y − low)/(high − low), of left
    edge X, width w, lower edge Y, height h and slopes d₀, d₁ at its edges, with
    s = h/w and ξ = (t − X)/w: value
    Y + w·(d₀ξ + (3s − 2d₀ − d₁)ξ² + (d₀ + d₁ − 2s)ξ³). The slopes at the inner knots
    are Steffen's: those of a local parabola, reduced where the curve would
    not be monotone.

    Forward (base → data): the root ξ, by Chandrupatla's bracketed search in [0, 1] and
    two Newton steps that give it its derivatives (Cardano's formula cancels in
    float32). The closed direction is the one that maximum likelihood needs.

    Log-determinant: minus the logarithm of the cubic's slope for each dimension, 0
    outside.

    Cost: O(K) a dimension in ``inverse``; in ``forward`` besides some ten to twenty
    evaluations of a cubic.

    Args:
        widths: ``[..., D, K]``, unconstrained: the widths (on the data's side) are a
            softmax of them, above a floor.
        heights: ``[..., D, K]``, as the widths, on the base's side.
        end_slopes: ``[..., D, 2]``, unconstrained: the slopes at both ends, between 0
            and 3 times that of the chord. All zeros are the identity.
        low: the lower end of the interval.
        high: the upper end.
        min_bin_size: the least width and height, as a part of the mean, 1/K of the
            interval.
        min_slope: the least slope at an end, as a part of that of the chord.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parameters whose lengths do not fit each other; an interval that
            is empty or reversed; a smallest bin or slope outside (0, 1).
        TypeError: dtypes that differ or are not floating.

    >>> import tfp_flows
    >>> spline = tfp_flows.bijectors.CubicSpline.trainable(2, num_bins=4)
    >>> spline.forward([[1.0, 8.0]]).numpy()
    array([[1., 8.]], dtype=float32)

    Papers: Durkan, Bekasov, Murray and Papamakarios (2019), Cubic-spline flows;
    Steffen (1990), A simple method for monotonic interpolation in one dimension.
    """

    closed = frozenset({"inverse"})
    cheaper: ClassVar[str | None] = None

    def __init__(
        self,
        widths: Any,
        heights: Any,
        end_slopes: Any,
        low: float = -4.0,
        high: float = 4.0,
        min_bin_size: float = 0.4,
        min_slope: float = 0.3,
        validate_args: bool = False,
        name: str = "cubic_spline",
    ):
        super().__init__(dict(locals()))

    @classmethod
    def _num_params(cls, num_bins):
        return {"widths": num_bins, "heights": num_bins, "end_slopes": 2}

    def _bin(self, t, use_heights: bool):
        widths = self._sizes(self.widths)
        heights = self._sizes(self.heights)
        lefts, bottoms = left_edges(widths), left_edges(heights)
        slopes = self._knot_slopes(widths, heights)
        return choose_bin(
            t,
            bottoms if use_heights else lefts,
            *(lefts, widths, bottoms, heights, slopes[:-1], slopes[1:]),
        )

    def _knot_slopes(self, widths, heights) -> list[tf.Tensor]:
        chords = [h / w for h, w in zip(heights, widths, strict=True)]
        inner = []
        for k in range(1, len(chords)):
            s0, s1, w0, w1 = chords[k - 1], chords[k], widths[k - 1], widths[k]
            fitted = (s0 * w1 + s1 * w0) / (w0 + w1)
            inner.append(tf.minimum(2.0 * tf.minimum(s0, s1), fitted))
        first, last = (self._end_slope(raw) for raw in unstack_last(self.end_slopes))
        return [first * chords[0], *inner, last * chords[-1]]

    def _end_slope(self, raw) -> tf.Tensor:
        # Between min_slope and 3 − min_slope, and 1 where raw is 0.
        low, size = self._min_slope, 3.0 - 2.0 * self._min_slope
        start = (1.0 - low) / size
        return low + size * tf.sigmoid(raw + math.log(start / (1.0 - start)))

    # The base class's forward is the direction of the root here.

    def _inverse_unit(self, t):
        x0, w, y0, h, d0, d1 = self._bin(t, use_heights=False)
        xi = clip_straight_through((t - x0) / w, 0.0, 1.0)
        value, slope = _cubic(xi, h / w, d0, d1)
        return y0 + w * value, -tf.math.log(slope)

    def _forward_unit(self, t):
        x0, w, y0, h, d0, d1 = self._bin(t, use_heights=True)
        s, eta = h / w, clip_straight_through((t - y0) / w, 0.0, h / w)
        xi = _root(eta, s, d0, d1)
        _, slope = _cubic(xi, s, d0, d1)
        return x0 + w * xi, -tf.math.log(slope)


def _cubic(xi, s, d0, d1):
    """The value in [0, s] and the slope of the cubic at ξ."""
    v = 1.0 - xi
    value = xi * (d0 * v**2 + xi * (s * (3.0 - 2.0 * xi) - d1 * v))
    slope = d0 * v**2 + d1 * xi**2 + 2.0 * xi * v * (3.0 * s - d0 - d1)
    return value, slope


def _root(eta, s, d0, d1):
    fixed = [tf.stop_gradient(part) for part in (eta, s, d0, d1)]
    # Divided by the chord's slope, so that the search's tolerances fit all bins.
    target, *slopes = (part / fixed[1] for part in fixed)
    solution = tfp.math.find_root_chandrupatla(
        lambda xi: _cubic(xi, *slopes)[0] - target,
        tf.zeros_like(target),
        tf.ones_like(target),
        position_tolerance=0.0,
        value_tolerance=0.0,
        max_iterations=60,
    ).estimated_root
    xi = newton_polish(lambda xi: _minus(_cubic(xi, s, d0, d1), eta), solution)
    return clip_straight_through(xi, 0.0, 1.0)


def _minus(value_and_slope, target):
    value, slope = value_and_slope
    return value - target, slope
