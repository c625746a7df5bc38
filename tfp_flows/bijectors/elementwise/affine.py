"""Shift and scale of each dimension."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import ParameterProperties
from tfp_flows.bijectors.elementwise.elementwise import Elementwise
from tfp_flows.bijectors.elementwise.transformer_spec import TransformerSpec


class Affine(Elementwise):
    """Shift and scale each dimension.

    Forward: y = x·exp(s) + t, where t is ``shift`` and s is ``log_scale``, or with a
    bound c the soft-bounded c·tanh(``log_scale``/c).

    Inverse: x = (y − t)·exp(−s), closed.

    Log-determinant: s for each dimension.

    Cost: one multiplication and one addition a dimension in both directions.

    Args:
        shift: t, ``[..., D]``.
        log_scale: ``[..., D]``, the logarithm of the scale (before the bound).
        log_scale_bound: c, or ``None`` for no bound. A bound keeps networks that
            predict the parameters from ever overflowing ``exp``; `spec` sets 3.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: shapes that do not broadcast; a bound that is not positive.
        TypeError: dtypes that differ or are not floating.

    >>> import tfp_flows
    >>> affine = tfp_flows.bijectors.Affine(shift=[1.0, 0.0], log_scale=[0.0, 1.0])
    >>> affine.forward([[2.0, 1.0]]).numpy().round(3)
    array([[3.   , 2.718]], dtype=float32)
    >>> affine.forward_log_det_jacobian([[2.0, 1.0]], event_ndims=1).numpy().tolist()
    [1.0]

    Paper: Dinh, Sohl-Dickstein and Bengio (2017), Density estimation using Real NVP.
    """

    def __init__(
        self,
        shift: Any,
        log_scale: Any,
        log_scale_bound: float | None = None,
        validate_args: bool = False,
        name: str = "affine",
    ):
        if log_scale_bound is not None and not log_scale_bound > 0:
            raise ValueError(
                f"Affine {name!r}: log_scale_bound must be positive or None, but got "
                f"{log_scale_bound}."
            )
        self._log_scale_bound = log_scale_bound
        super().__init__(dict(locals()), is_constant_jacobian=True)

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"shift": ParameterProperties(), "log_scale": ParameterProperties()}

    @classmethod
    def _initial_parameters(cls, event_size, rng):
        return {"shift": np.zeros(event_size), "log_scale": np.zeros(event_size)}

    @classmethod
    def spec(  # type: ignore[override]
        cls, *, log_scale_bound: float | None = 3.0
    ) -> TransformerSpec:
        """The transformer of RealNVP, with scales between e⁻³ and e³ by default."""
        return super().spec(log_scale_bound=log_scale_bound)

    @classmethod
    def _is_increasing(cls):
        return True

    def _bounded_log_scale(self) -> tf.Tensor:
        log_scale = tf.convert_to_tensor(self.log_scale)
        bound = self._log_scale_bound
        if bound is None:
            return log_scale
        return bound * tf.tanh(log_scale / bound)

    def _forward_and_log_det(self, x):
        log_scale = self._bounded_log_scale()
        return x * tf.exp(log_scale) + self.shift, log_scale

    def _inverse_and_log_det(self, y):
        log_scale = -self._bounded_log_scale()
        return (y - self.shift) * tf.exp(log_scale), log_scale
