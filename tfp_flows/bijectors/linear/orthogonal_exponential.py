"""Rotation by the exponential of a skew-symmetric matrix."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.bijectors.linear.matrices import require_square

# 2¹⁴ small rotations make the whole one. With row sums up to the limit, the small one's
# exponent is at most ¼, where the series' next term is 10⁻¹² of the first.
_SQUARINGS = 14
_LARGEST_ROW_SUM = 4096.0


class OrthogonalExponential(Bijector):
    """Rotate by the matrix exponential of a skew-symmetric matrix.

    Forward: y = xQ, x a row vector, with Q = exp(A) and A = (G − Gᵀ)/2. Q is a
    rotation, and every rotation is such a Q.

    Inverse: x = yQᵀ.

    Log-determinant: 0; the determinant is 1.

    Cost: O(D²) a point in both directions, and once a call 22 products of D × D
    matrices. (TensorFlow's own ``expm`` has no gradient under XLA. Cayley's map,
    (I − A)⁻¹(I + A), needs a factorization, misses the rotations by π, and flattens
    out for large A.)

    The exponential is a series of fixed length for A/2¹⁴, squared 14 times, and then
    made orthogonal to rounding by two Newton steps. Where a row of |A| sums to more
    than 4096, A is scaled down to that: still a rotation, no longer exp(A). The angle
    of a rotation by ‖A‖ radians is known to about ‖A‖ roundings.

    Args:
        generator: G, ``[..., D, D]``, any real numbers; 0 gives the identity.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: a matrix that is not square, or a call with points of another size.
        TypeError: a matrix that is not floating.

    >>> import math, tfp_flows
    >>> quarter = tfp_flows.bijectors.OrthogonalExponential(
    ...     [[0.0, math.pi / 2], [-math.pi / 2, 0.0]])
    >>> abs(quarter.forward([1.0, 0.0]).numpy()).round(3)
    array([0., 1.], dtype=float32)

    Paper: Golinski, Lezcano-Casado and Rainforth (2019), Improving normalizing flows
    via better orthogonal parameterizations.
    """

    def __init__(
        self,
        generator: Any,
        validate_args: bool = False,
        name: str = "orthogonal_exponential",
    ):
        super().__init__(dict(locals()), is_constant_jacobian=True)
        require_square(self, "generator")

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"generator": ParameterProperties(event_ndims=2)}

    @classmethod
    def _initial_parameters(cls, event_size, rng):
        # Exactly the identity: every entry off the diagonal has a gradient there.
        return {"generator": np.zeros([event_size, event_size])}

    def _rotation(self) -> tf.Tensor:
        generator = tf.convert_to_tensor(self.generator)
        return _exponential(0.5 * (generator - tf.linalg.matrix_transpose(generator)))

    def _forward_and_log_det(self, x):
        y = tf.einsum("...d,...de->...e", x, self._rotation())
        return y, tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        x = tf.einsum("...e,...de->...d", y, self._rotation())
        return x, tf.zeros([], y.dtype)


def _exponential(skew) -> tf.Tensor:
    """The exponential of skew-symmetric matrices, orthogonal to rounding."""
    row_sum = tf.reduce_max(
        tf.reduce_sum(tf.abs(skew), axis=-1), axis=-1, keepdims=True
    )[..., tf.newaxis]
    most = tf.constant(_LARGEST_ROW_SUM, skew.dtype)
    skew = skew * (most / tf.maximum(row_sum, most))
    # E = exp − I throughout: the ones would swallow the digits of a small rotation.
    excess = _series(skew / 2.0**_SQUARINGS)
    for _ in range(_SQUARINGS):
        excess = 2.0 * excess + excess @ excess
    identity = tf.eye(skew.shape[-1], dtype=skew.dtype)
    q = identity + excess
    # Each squaring doubles the error; a Newton step towards the nearest orthogonal
    # matrix squares it.
    for _ in range(2):
        defect = identity - tf.matmul(q, q, transpose_a=True)
        q = q + 0.5 * (q @ defect)
    return q


def _series(a) -> tf.Tensor:
    """The matrix exp(a) − I for small a: the terms up to a⁹/9!, by four products."""
    square = a @ a
    cube = square @ a
    first = a + square / 2.0 + cube / 6.0
    second = a / 24.0 + square / 120.0 + cube / 720.0
    third = a / 5040.0 + square / 40320.0 + cube / 362880.0
    return first + cube @ (second + cube @ third)
