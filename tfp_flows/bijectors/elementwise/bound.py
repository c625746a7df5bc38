"""Data between known limits."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import ParameterProperties
from tfp_flows.bijectors.elementwise.elementwise import Elementwise


class Bound(Elementwise):
    """Squeeze the real line between two limits by a scaled sigmoid.

    Forward: y = low + (high − low)·(σ(x) − α)/(1 − 2α), σ(x) = 1/(1 + e⁻ˣ).

    Inverse: x = logit(α + (1 − 2α)·(y − low)/(high − low)), closed.

    Log-determinant: log(high − low) − log(1 − 2α) + log σ(x) + log σ(−x).

    Cost: O(1) a dimension in both directions.

    **The image** is the open interval between the limits, widened on either side by
    α/(1 − 2α) of its length: α = 0 keeps exactly to the limits, and with a small α, say
    10⁻⁶, the limits themselves have a finite density. **Outside the image** the inverse
    log-determinant, and with it a flow's log-density, is −∞, and the inverse is
    far out, ±10³⁰ (in float64 ±10²⁴⁶), where the forward log-determinant is ∞; with
    ``validate_args`` it is an error. (`Chain` and `tfp_flows.distributions.Flow` go on
    with the nearest point inside, of which networks make no NaN.) Forward, where σ(x)
    rounds to 0 or 1, gives the nearest number inside.

    Args:
        low: ``[..., D]`` or a number.
        high: ``[..., D]`` or a number, above ``low``.
        alpha: α, a number from 0 up to but not including ½.
        validate_args: as in TFP; checks at each call that the limits are in order and
            that points to be inverted are in the image (not under XLA, which has no
            assertions).
        name: as in TFP.

    Raises:
        ValueError: ``low`` not below ``high``, limits or a length that are not
            finite, or another α.
        TypeError: dtypes that differ or are not floating; an α that is no number.

    >>> import tfp_flows
    >>> bound = tfp_flows.bijectors.Bound(low=0.0, high=[1.0, 255.0])
    >>> bound.forward([0.0, 0.0]).numpy()
    array([  0.5, 127.5], dtype=float32)
    >>> bound.inverse_log_det_jacobian([0.5, 300.0]).numpy().round(3)
    array([1.386,  -inf], dtype=float32)

    Paper: Dinh, Sohl-Dickstein and Bengio (2017), Density estimation using Real NVP.
    """

    def __init__(
        self,
        low: Any,
        high: Any,
        alpha: float = 0.0,
        validate_args: bool = False,
        name: str = "bound",
    ):
        if isinstance(alpha, bool) or not isinstance(alpha, int | float | np.number):
            raise TypeError(
                f"Bound {name!r}: alpha must be a number, but got {alpha!r}."
            )
        if not 0 <= alpha < 0.5:
            raise ValueError(
                f"Bound {name!r}: alpha must be from 0 up to but not including 0.5, "
                f"but got {alpha!r}."
            )
        self._alpha = float(alpha)
        super().__init__(dict(locals()))
        self._check_limits()

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"low": ParameterProperties(), "high": ParameterProperties()}

    @classmethod
    def _is_increasing(cls):
        return True

    def _check_limits(self) -> None:
        if isinstance(self.low, tf.Variable) or isinstance(self.high, tf.Variable):
            return  # They may change.
        low, high = (
            tf.get_static_value(tf.convert_to_tensor(v)) for v in (self.low, self.high)
        )
        if low is None or high is None:
            return
        if not (low < high).all():
            raise ValueError(
                f"{self._where}: low must be below high, but got low={low.tolist()} "
                f"and high={high.tolist()}."
            )
        with np.errstate(over="ignore"):
            finite = np.isfinite(high - low).all()
        if not finite:
            raise ValueError(
                f"{self._where}: the limits and the distance between them must be "
                f"finite in {self.dtype.name}, but got low={low.tolist()} and "
                f"high={high.tolist()}."
            )

    def _parameter_control_dependencies(self, is_init):
        if not self.validate_args or is_init:
            return []
        return [
            tf.debugging.assert_less(
                self.low, self.high, message=f"{self._where}: low must be below high."
            )
        ]

    def _limits(self):
        """The length, and the least and the greatest number inside the image."""
        low, high = tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high)
        length = high - low
        if self._alpha:
            margin = length * (self._alpha / (1.0 - 2.0 * self._alpha))
            return length, low - margin, high + margin
        # Next to 0 the neighbor would be a number that processors flush to 0.
        tiny = low.dtype.as_numpy_dtype(np.finfo(low.dtype.as_numpy_dtype).tiny)
        inner_low = tf.maximum(tf.math.nextafter(low, high), low + tiny)
        inner_high = tf.minimum(tf.math.nextafter(high, low), high - tiny)
        return length, tf.stop_gradient(inner_low), tf.stop_gradient(inner_high)

    def _from_ends(self, y):
        """The distances from both ends of the image, in parts that add up to 1.

        Neither is the other subtracted from 1, or it would cancel close to its end.
        They are clipped, before any logarithm sees them, to their values at the last
        number inside.
        """
        length, inner_low, inner_high = self._limits()
        y = tf.minimum(tf.maximum(y, inner_low), inner_high)
        scale = 1.0 - 2.0 * self._alpha
        info = np.finfo(y.dtype.as_numpy_dtype)
        least = tf.constant(max(info.tiny, info.eps * self._alpha), y.dtype)
        from_low = self._alpha + scale * ((y - self.low) / length)
        from_high = self._alpha + scale * ((self.high - y) / length)
        return tf.maximum(from_low, least), tf.maximum(from_high, least)

    def _forward_and_log_det(self, x):
        length, inner_low, inner_high = self._limits()
        part = length / (1.0 - 2.0 * self._alpha)
        # From the nearer end, so that its neighborhood keeps its digits.
        from_low = self.low + part * (tf.sigmoid(x) - self._alpha)
        from_high = self.high - part * (tf.sigmoid(-x) - self._alpha)
        y = tf.where(x < 0, from_low, from_high)
        log_slope = self._stretch() + tf.math.log_sigmoid(x) + tf.math.log_sigmoid(-x)
        beyond = tf.constant(np.inf, x.dtype)
        log_slope = tf.where(tf.abs(x) < _largest(x) ** 0.7, log_slope, beyond)
        return tf.minimum(tf.maximum(y, inner_low), inner_high), log_slope

    def _inverse_and_log_det(self, y):
        with tf.control_dependencies(self._assertions(y)):
            from_low, from_high = self._from_ends(y)
            log_low, log_high = tf.math.log(from_low), tf.math.log(from_high)
            log_slope = -self._stretch() - log_low - log_high
            nowhere = tf.constant(-np.inf, y.dtype)
            return log_low - log_high, tf.where(self._is_inside(y), log_slope, nowhere)

    def _call_inverse(self, y, name, **kwargs):
        # TFP's chain asks for no log-determinant here, but later for that at what it is
        # given: far out, where no point inside comes from.
        x = super()._call_inverse(y, name, **kwargs)
        far = tf.sign(x) * _largest(x) ** 0.8
        return tf.where(self._is_inside(tf.convert_to_tensor(y, x.dtype)), x, far)

    def _stretch(self) -> tf.Tensor:
        """The logarithm of the length of the image."""
        return tf.math.log(self.high - self.low) - np.log1p(-2.0 * self._alpha)

    def _is_inside(self, y) -> tf.Tensor:
        _, inner_low, inner_high = self._limits()
        return (inner_low <= y) & (y <= inner_high)

    def _assertions(self, y) -> list:
        if not self.validate_args:
            return []
        message = f"{self._where}: a point to be inverted is outside the limits."
        return [tf.debugging.Assert(tf.reduce_all(self._is_inside(y)), [message])]


def _largest(x: tf.Tensor) -> float:
    """The largest number of a dtype."""
    return float(np.finfo(x.dtype.as_numpy_dtype).max)
