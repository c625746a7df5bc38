"""The rational-quadratic spline on a circle."""

import math
from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.elementwise.rational_quadratic_spline import (
    RationalQuadraticSpline,
)
from tfp_flows.bijectors.elementwise.spline import unstack_last


class CircularRationalQuadraticSpline(RationalQuadraticSpline):
    """A rational-quadratic spline that closes on a circle.

    Forward: `RationalQuadraticSpline` on [low, high], with the same slope at both ends,
    and so on for ever: f(x + n·(high − low)) = f(x) + n·(high − low). On the line it is
    a smooth bijection, and on the circle that [low, high] makes, one with the fixed
    point low. (A ``tfb.Shift`` before it rotates the circle.)

    Inverse: that of `RationalQuadraticSpline`, closed.

    Log-determinant: the same, on the whole line.

    Cost: O(K) a dimension in both directions.

    Args:
        widths: ``[..., D, K]``, unconstrained, as in `RationalQuadraticSpline`.
        heights: ``[..., D, K]``, unconstrained.
        slopes: ``[..., D, K]``, unconstrained: at the knots, the first one at both
            ends. All zeros are the identity.
        low: the point where the circle is cut.
        high: the same point after one turn.
        min_bin_size: the least width and height, as a part of the mean, 1/K of the
            circle.
        min_slope: the least slope at a knot, s; the greatest is 1/s.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parameters whose lengths do not fit each other; an interval that
            is empty or reversed; a smallest bin or slope outside (0, 1).
        TypeError: dtypes that differ or are not floating.

    >>> import tfp_flows
    >>> spline = tfp_flows.bijectors.CircularRationalQuadraticSpline(
    ...     widths=[[0.0, 0.0]], heights=[[0.0, 1.0]], slopes=[[1.0, 0.0]],
    ...     low=0.0, high=1.0)
    >>> spline.forward([[0.5], [1.5]]).numpy().round(3)
    array([[0.361],
           [1.361]], dtype=float32)

    Paper: Rezende, Papamakarios, Racanière, Albergo, Kanwar, Shanahan and Cranmer
    (2020), Normalizing flows on tori and spheres.
    """

    def __init__(
        self,
        widths: Any,
        heights: Any,
        slopes: Any,
        low: float = -math.pi,
        high: float = math.pi,
        min_bin_size: float = 0.4,
        min_slope: float = 0.3,
        validate_args: bool = False,
        name: str = "circular_rational_quadratic_spline",
    ):
        super(RationalQuadraticSpline, self).__init__(dict(locals()))

    @classmethod
    def _num_params(cls, num_bins):
        return dict.fromkeys(["widths", "heights", "slopes"], num_bins)

    def _knot_slopes(self):
        slopes = unstack_last(self.slopes)
        return [*slopes, slopes[0]]

    def _apply(self, x, unit_map):
        size = self._high - self._low
        t = (x - self._low) / size
        period = tf.stop_gradient(tf.floor(t))
        value, log_slope = unit_map(t - period)
        return self._low + size * (value + period), log_slope
