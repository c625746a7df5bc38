"""Reordering of the dimensions."""

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import Bijector
from tfp_flows.math import permute


class Permutation(Bijector):
    """Reorder the dimensions of a vector.

    Forward: yᵢ = x_{p(i)}.

    Inverse: the inverse permutation, closed.

    Log-determinant: 0.

    Cost: a copy in both directions.

    Args:
        permutation: p, the integers 0 … D − 1 in any order. It is fixed: there is
            nothing to train.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: ``permutation`` is no permutation.

    >>> import tfp_flows
    >>> tfp_flows.bijectors.Permutation([2, 0, 1]).forward([1.0, 2.0, 3.0]).numpy()
    array([3., 1., 2.], dtype=float32)
    """

    def __init__(
        self, permutation, validate_args: bool = False, name: str = "permutation"
    ):
        self.permutation = np.array(permutation)
        found = self.permutation
        if (
            found.ndim != 1
            or found.dtype.kind not in "iu"
            or not np.array_equal(np.sort(found), np.arange(found.size))
            or not found.size
        ):
            raise ValueError(
                f"Permutation {name!r} takes the integers 0 … D − 1 in any order, but "
                f"got {permutation!r}."
            )
        super().__init__(
            dict(locals()), event_size=found.size, is_constant_jacobian=True
        )

    def _forward(self, x):
        return permute(x, self.permutation)

    def _inverse(self, y):
        return permute(y, np.argsort(self.permutation))

    def _forward_log_det_jacobian(self, x):
        return tf.zeros([], x.dtype)
