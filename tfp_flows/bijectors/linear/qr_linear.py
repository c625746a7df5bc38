"""A linear map by its QR factors."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.bijectors.linear.householder import (
    pairs_of_vectors,
    reflect,
    require_vectors,
)
from tfp_flows.bijectors.linear.matrices import (
    require_square,
    solve_upper,
    upper_factor,
)


class QRLinear(Bijector):
    """Multiply by a matrix in the form Q·R, and add a bias.

    Forward: y = xQR + b, x a row vector. Q is a product of M Householder reflections
    (see `Householder`), R upper triangular with exp of logarithms on its diagonal.

    Inverse: x = (y − b)R⁻¹Qᵀ, by one triangular solve and the reflections backwards.

    Log-determinant: log|det QR| = Σ log Rᵢᵢ, a sum of D parameters; the determinant's
    sign is (−1)ᴹ.

    Cost: O(D² + MD) a point in both directions, and once a call O(M²D); O(D) for the
    log-determinant.

    Args:
        vectors: v₁ … v_M, normal to the hyperplanes that Q reflects in,
            ``[..., M, D]``.
        upper: ``[..., D, D]``, any real numbers: R above the diagonal, and **the
            logarithms** of R's diagonal on it. The part below the diagonal is not used.
        bias: b, ``[..., D]``.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: no vectors, a matrix that is not square, parameters of unlike
            sizes, or a call with points of another size.
        TypeError: dtypes that differ or are not floating.

    ``QRLinear.trainable`` starts at the identity and takes ``num_reflections``, like
    `Householder`.

    >>> import tfp_flows
    >>> linear = tfp_flows.bijectors.QRLinear(
    ...     vectors=[[1.0, -1.0]], upper=[[0.0, 2.0], [0.0, 0.0]], bias=[0.0, 5.0])
    >>> linear.forward([3.0, 1.0]).numpy().round(3)  # (1, 3), times R (1, 5)
    array([ 1., 10.], dtype=float32)

    Paper: Hoogeboom, van den Berg and Welling (2019), Emerging convolutions for
    generative normalizing flows.
    """

    def __init__(
        self,
        vectors: Any,
        upper: Any,
        bias: Any,
        validate_args: bool = False,
        name: str = "qr_linear",
    ):
        super().__init__(dict(locals()), is_constant_jacobian=True)
        require_vectors(self)
        require_square(self, "upper")

    @classmethod
    def _parameter_properties(cls, dtype):
        return {
            "vectors": ParameterProperties(event_ndims=2),
            "upper": ParameterProperties(event_ndims=2),
            "bias": ParameterProperties(event_ndims=1),
        }

    @classmethod
    def _initial_parameters(cls, event_size, rng, num_reflections=None):
        return {
            "vectors": pairs_of_vectors(cls, event_size, rng, num_reflections),
            "upper": np.zeros([event_size, event_size]),
            "bias": np.zeros(event_size),
        }

    def _log_det(self) -> tf.Tensor:
        return tf.reduce_sum(tf.linalg.diag_part(self.upper), axis=-1)

    def _forward_and_log_det(self, x):
        rotated = reflect(x, self.vectors)
        y = tf.einsum("...d,...de->...e", rotated, upper_factor(self.upper)) + self.bias
        return y, self._log_det()

    def _inverse_and_log_det(self, y):
        rotated = solve_upper(y - self.bias, upper_factor(self.upper))
        return reflect(rotated, self.vectors, backwards=True), -self._log_det()
