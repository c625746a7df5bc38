"""The radial flow, closed in both directions."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.math import safe_norm


class Radial(Bijector):
    """Push points away from a center, or pull them towards it.

    Forward: y = x + β̂·(x − c)/(α + r) with r = ‖x − c‖. The map is invertible if
    β̂ > −α, so β̂ = −α + softplus(β + softplus⁻¹(α)), which is 0 for β = 0.

    Inverse: with r′ = ‖y − c‖ the radius r solves
    r² + (α + β̂ − r′)·r − α·r′ = 0, whose positive root is taken in the form that
    does not cancel; then x = c + (y − c)·(α + r)/(α + β̂ + r). Closed.

    Log-determinant: (D − 1)·log((γ + r)/(α + r)) + log(1 + α·β̂/(α + r)²) with
    γ = α + β̂ > 0.

    Cost: O(D) in both directions.

    Args:
        center: c, ``[..., D]``.
        alpha: α, ``[...]``, positive.
        beta: β, ``[...]``, any real number; 0 gives the identity.
        validate_args: as in TFP; checks that ``alpha`` is positive at each call.
        name: as in TFP.

    Raises:
        ValueError: ``alpha`` not positive, batch shapes that do not broadcast, or a
            call with points of another size.
        TypeError: dtypes that differ or are not floating.

    >>> import tensorflow as tf, tfp_flows
    >>> radial = tfp_flows.bijectors.Radial(center=[0.0, 0.0], alpha=1.0, beta=2.0)
    >>> y = radial.forward([[0.3, -0.2]])
    >>> radial.inverse(tf.identity(y)).numpy().round(4)
    array([[ 0.3, -0.2]], dtype=float32)

    Paper: Rezende and Mohamed (2015), Variational inference with normalizing flows.
    """

    def __init__(
        self,
        center: Any,
        alpha: Any,
        beta: Any,
        validate_args: bool = False,
        name: str = "radial",
    ):
        super().__init__(dict(locals()))
        self._check_alpha()

    @classmethod
    def _parameter_properties(cls, dtype):
        return {
            "center": ParameterProperties(event_ndims=1),
            "alpha": ParameterProperties(
                # The floor keeps α from vanishing where softplus underflows.
                default_constraining_bijector_fn=lambda: tfb.Softplus(
                    low=tf.constant(1e-6, dtype)
                )
            ),
            "beta": ParameterProperties(),
        }

    @classmethod
    def _initial_parameters(cls, event_size, rng):
        return {
            "center": rng.normal(size=event_size),
            "alpha": 1.0,
            "beta": rng.normal(scale=0.01),
        }

    def _check_alpha(self) -> None:
        alpha = tf.get_static_value(tf.convert_to_tensor(self.alpha))
        if alpha is not None and not (alpha > 0).all():
            raise ValueError(
                f"{self._where}: alpha must be positive, but got a smallest value "
                f"of {alpha.min()}; tf.nn.softplus makes any number positive."
            )

    def _parameter_control_dependencies(self, is_init):
        if not self.validate_args or is_init:
            return []
        return [
            tf.debugging.assert_positive(
                self.alpha, message=f"{self._where}: alpha must be positive."
            )
        ]

    def _scalars(self):
        """α and γ = α + β̂, both positive and neither by subtraction."""
        alpha = tf.convert_to_tensor(self.alpha)
        return alpha, tf.nn.softplus(self.beta + tfp.math.softplus_inverse(alpha))

    def _forward_and_log_det(self, x):
        alpha, gamma = self._scalars()
        radius_vector = x - self.center
        r = safe_norm(radius_vector)
        y = self.center + radius_vector * ((gamma + r) / (alpha + r))[..., tf.newaxis]
        return y, self._log_det(r, alpha, gamma)

    def _inverse_and_log_det(self, y):
        alpha, gamma = self._scalars()
        radius_vector = y - self.center
        r = _radius(safe_norm(radius_vector), alpha, gamma)
        x = self.center + radius_vector * ((alpha + r) / (gamma + r))[..., tf.newaxis]
        return x, -self._log_det(r, alpha, gamma)

    def _log_det(self, r, alpha, gamma) -> tf.Tensor:
        """The forward log-determinant, at the radius r on the base's side."""
        # 1 + αβ̂/(α + r)² over the common denominator is a sum of positive terms;
        # the quotients keep r² from overflowing.
        q, p = r / (alpha + r), alpha / (alpha + r)
        across = tf.math.log(gamma + r) - tf.math.log(alpha + r)
        along = tf.math.log(q * q + 2.0 * q * p + p * (gamma / (alpha + r)))
        size: Any = self.event_size
        return (size - 1) * across + along


def _radius(r_out, alpha, gamma) -> tf.Tensor:
    """The positive root r of r² + (γ − r′)·r − α·r′ = 0."""
    half = 0.5 * (gamma - r_out)
    product = alpha * r_out
    # Scaled by the sum of the terms, the squares neither overflow nor vanish.
    scale = tf.abs(half) + alpha + gamma + r_out
    root = scale * tf.sqrt((half / scale) ** 2 + (alpha / scale) * (r_out / scale))
    positive = half > 0
    denominator = tf.where(positive, half + root, tf.ones_like(half))
    return tf.where(positive, product / denominator, root - half)
