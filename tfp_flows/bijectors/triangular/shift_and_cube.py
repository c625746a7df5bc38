"""A cubic shear of the plane."""

from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.bijectors.parameters import require_plane


class ShiftAndCube(Bijector):
    """Shift the second coordinate by the cube of the first.

    Forward: y = (x₁, x₂ + a·x₁³).

    Inverse: x = (y₁, y₂ − a·y₁³), closed.

    Log-determinant: 0, for the Jacobian is triangular with ones on its diagonal.

    Cost: four multiplications or additions in both directions.

    Args:
        coefficient: a, ``[...]``.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: it is called with points that are not 2-D.
        TypeError: a coefficient that is not floating.

    >>> import tfp_flows
    >>> tfp_flows.bijectors.ShiftAndCube(0.5).forward([2.0, 1.0]).numpy()
    array([2., 5.], dtype=float32)
    """

    def __init__(
        self,
        coefficient: Any,
        validate_args: bool = False,
        name: str = "shift_and_cube",
    ):
        super().__init__(dict(locals()), event_size=2, is_constant_jacobian=True)

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"coefficient": ParameterProperties()}

    @classmethod
    def _initial_parameters(cls, event_size, rng):
        require_plane(cls, event_size)
        return {"coefficient": rng.normal(scale=0.01)}

    def _shift(self, x, coefficient):
        first, second = x[..., 0], x[..., 1]
        shifted = second + coefficient * first**3
        first = tf.broadcast_to(first, tf.shape(shifted))
        return tf.stack([first, shifted], axis=-1), tf.zeros([], x.dtype)

    def _forward_and_log_det(self, x):
        return self._shift(x, tf.convert_to_tensor(self.coefficient))

    def _inverse_and_log_det(self, y):
        return self._shift(y, -tf.convert_to_tensor(self.coefficient))
