"""A dense linear map."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties


class Linear(Bijector):
    """Multiply by a dense matrix and add a bias.

    Forward: y = xW + b, x a row vector.

    Inverse: x = (y − b)W⁻¹, with W⁻¹ = R⁻¹Qᵀ from the QR decomposition of W.

    Log-determinant: log|det W| = Σ log|Rᵢᵢ|. (TensorFlow's ``slogdet`` and ``lu`` have
    no XLA kernel; a QR compiles.)

    Cost: O(D²) a point in both directions, and once a call O(D³) for the inverse and
    the log-determinant.

    Args:
        matrix: W, ``[..., D, D]``, invertible. Whether it is so is checked with
            ``validate_args`` alone; without it the images of a singular one are not
            finite, or lost to rounding.
        bias: b, ``[..., D]``.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: a matrix that is not square, a bias of another size, or a call
            with points of another size.
        TypeError: dtypes that differ or are not floating.
        tf.errors.InvalidArgumentError: with ``validate_args``, a singular matrix.

    >>> import tfp_flows
    >>> linear = tfp_flows.bijectors.Linear([[2.0, 0.0], [1.0, 1.0]], [0.0, 5.0])
    >>> linear.forward([1.0, 1.0]).numpy()
    array([3., 6.], dtype=float32)
    >>> float(linear.forward_log_det_jacobian([1.0, 1.0]))  # doctest: +ELLIPSIS
    0.693...
    """

    def __init__(
        self, matrix: Any, bias: Any, validate_args: bool = False, name: str = "linear"
    ):
        super().__init__(dict(locals()), is_constant_jacobian=True)
        rows = self.matrix.shape[-2]
        if rows != self.event_size:
            raise ValueError(
                f"{self._where}: matrix must be square, but got shape "
                f"{tuple(self.matrix.shape)}."
            )

    @classmethod
    def _parameter_properties(cls, dtype):
        return {
            "matrix": ParameterProperties(event_ndims=2),
            "bias": ParameterProperties(event_ndims=1),
        }

    @classmethod
    def _initial_parameters(cls, event_size, rng):
        # Exactly the identity: every entry of W has a gradient there.
        return {"matrix": np.eye(event_size), "bias": np.zeros(event_size)}

    def _forward_and_log_det(self, x):
        log_det = self._log_abs_det(tf.linalg.qr(self.matrix).r)
        return _times(x, self.matrix) + self.bias, log_det

    def _inverse_and_log_det(self, y):
        q, r = tf.linalg.qr(self.matrix)
        inverse = tf.linalg.triangular_solve(
            r, tf.linalg.matrix_transpose(q), lower=False
        )
        return _times(y - self.bias, inverse), -self._log_abs_det(r)

    def _log_abs_det(self, triangle) -> tf.Tensor:
        diagonal = tf.abs(tf.linalg.diag_part(triangle))
        log_det = tf.reduce_sum(tf.math.log(diagonal), axis=-1)
        if not self.validate_args:
            return log_det
        # Rounding leaves something of a zero on the diagonal of a singular matrix.
        lost = self.event_size * np.finfo(diagonal.dtype.as_numpy_dtype).eps
        least, most = (f(diagonal, -1) for f in (tf.reduce_min, tf.reduce_max))
        return tf.where(least > lost * most, log_det, -np.inf)


def _times(x, matrix) -> tf.Tensor:
    """The product xW for row vectors, with batch shapes that broadcast."""
    return tf.einsum("...d,...de->...e", x, matrix)
