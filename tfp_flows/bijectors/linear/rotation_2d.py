"""Rotation of the plane."""

from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.bijectors.parameters import require_plane


class Rotation2D(Bijector):
    """Rotate the plane about the origin.

    Forward: y₁ = x₁ cos θ − x₂ sin θ, y₂ = x₁ sin θ + x₂ cos θ (counterclockwise).

    Inverse: the rotation by −θ, closed.

    Log-determinant: 0, for the determinant of a rotation is 1.

    Cost: four multiplications in both directions.

    Args:
        angle: θ in radians, ``[...]``.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: it is called with points that are not 2-D.
        TypeError: an angle that is not floating.

    >>> import math, tfp_flows
    >>> quarter = tfp_flows.bijectors.Rotation2D(math.pi / 2)
    >>> abs(quarter.forward([1.0, 0.0]).numpy()).round(3)
    array([0., 1.], dtype=float32)
    """

    def __init__(
        self, angle: Any, validate_args: bool = False, name: str = "rotation_2d"
    ):
        super().__init__(dict(locals()), event_size=2, is_constant_jacobian=True)

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"angle": ParameterProperties()}

    @classmethod
    def _initial_parameters(cls, event_size, rng):
        require_plane(cls, event_size)
        return {"angle": rng.normal(scale=0.01)}

    def _rotate(self, x, angle):
        cos, sin = tf.cos(angle), tf.sin(angle)
        first, second = x[..., 0], x[..., 1]
        rotated = [first * cos - second * sin, first * sin + second * cos]
        return tf.stack(rotated, axis=-1), tf.zeros([], x.dtype)

    def _forward_and_log_det(self, x):
        return self._rotate(x, tf.convert_to_tensor(self.angle))

    def _inverse_and_log_det(self, y):
        return self._rotate(y, -tf.convert_to_tensor(self.angle))
