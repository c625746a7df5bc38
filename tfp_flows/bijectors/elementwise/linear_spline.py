"""The piecewise linear spline."""

from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.elementwise.spline import Spline
from tfp_flows.math import choose_bin, left_edges


class LinearSpline(Spline):
    """A straight line in each of K equal bins; the identity outside [low, high].

    Forward: with t = (x − low)/(high − low) in bin k = ⌊Kt⌋, the value is
    low + (high − low)·(Yₖ + hₖ·(Kt − k)), where the heights h are a softmax of
    ``heights``, above a floor, and Yₖ = Σ_{j<k} hⱼ.

    Inverse: linear in the bin that holds the value, closed.

    Log-determinant: log(K·hₖ) for each dimension, 0 outside. It jumps at the knots.

    Cost: O(K) a dimension in both directions.

    Args:
        heights: ``[..., D, K]``, unconstrained; zeros are the identity.
        low: the lower end of the interval.
        high: the upper end.
        min_bin_size: the least height, as a part of the mean, 1/K of the
            interval.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: an interval that is empty or reversed; a smallest bin outside
            (0, 1).
        TypeError: dtypes that differ or are not floating.

    >>> import tfp_flows
    >>> spline = tfp_flows.bijectors.LinearSpline([[0.0, 1.0]], low=-1.0, high=1.0)
    >>> spline.forward([[-2.0], [0.0]]).numpy().round(3)
    array([[-2.   ],
           [-0.277]], dtype=float32)

    Paper: Müller, McWilliams, Rousselle, Gross and Novák (2019), Neural importance
    sampling.
    """

    def __init__(
        self,
        heights: Any,
        low: float = -4.0,
        high: float = 4.0,
        min_bin_size: float = 0.4,
        validate_args: bool = False,
        name: str = "linear_spline",
    ):
        super().__init__(dict(locals()))

    @classmethod
    def _num_params(cls, num_bins):
        return {"heights": num_bins}

    def _knots(self):
        heights = self._sizes(self.heights)
        left = [tf.fill([], tf.cast(k, self.dtype)) for k in range(len(heights))]
        return [edge / len(heights) for edge in left], left_edges(heights), heights

    def _forward_unit(self, t):
        lefts, bottoms, heights = self._knots()
        left, bottom, height = choose_bin(t, lefts, lefts, bottoms, heights)
        slope = height * len(heights)
        return bottom + (t - left) * slope, tf.math.log(slope)

    def _inverse_unit(self, t):
        lefts, bottoms, heights = self._knots()
        left, bottom, height = choose_bin(t, bottoms, lefts, bottoms, heights)
        slope = height * len(heights)
        return left + (t - bottom) / slope, tf.math.log(slope)
