"""Reordering of the dimensions."""

from typing import Any, Self

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import Bijector
from tfp_flows.bijectors.linear.drawn import (
    as_drawn,
    as_known,
    permutation_or_variable,
    value_of,
)
from tfp_flows.checks import checked_count
from tfp_flows.math import inverse_of, permute
from tfp_flows.random_state import Seed, as_integer, split_seed


class Permutation(Bijector):
    """Reorder the dimensions of a vector.

    Forward: yᵢ = x_{p(i)}.

    Inverse: the inverse permutation, closed.

    Log-determinant: 0.

    Cost: a copy in both directions.

    Args:
        permutation: p, the integers 0 … D − 1 in any order. It is not
            trained. In an integer `tf.Variable` it is saved along with the weights.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: ``permutation`` is no permutation.

    >>> import tfp_flows
    >>> tfp_flows.bijectors.Permutation([2, 0, 1]).forward([1.0, 2.0, 3.0]).numpy()
    array([3., 1., 2.], dtype=float32)
    >>> tfp_flows.bijectors.Permutation.reverse(3).permutation
    array([2, 1, 0])
    """

    def __init__(
        self, permutation: Any, validate_args: bool = False, name: str = "permutation"
    ):
        where = f"Permutation {name!r}: permutation"
        self._permutation = permutation_or_variable(permutation, where)
        super().__init__(
            dict(locals()),
            event_size=self._permutation.shape[0],
            is_constant_jacobian=True,
        )

    @property
    def permutation(self) -> np.ndarray:
        """The permutation, an array ``[D]``."""
        return value_of(self._permutation)

    @classmethod
    def random(cls, event_size: int, *, seed: Seed = None, dtype: Any = None) -> Self:
        """A permutation drawn uniformly, in a variable that is saved with the weights.

        Args:
            event_size: D.
            seed: a seed for the draw; without it, it comes from Python's generator.
            dtype: accepted so that all layers share a signature; a permutation acts on
                points of any dtype.

        Raises:
            ValueError: an event size below 1.
            TypeError: an event size that is no integer.
        """
        event_size = checked_count(event_size, f"{cls.__name__}.random: event_size")
        rng = np.random.default_rng(split_seed(seed, 1, f"{cls.__name__}: seed")[0])
        return cls(as_drawn(rng.permutation(event_size), "permutation"))

    @classmethod
    def reverse(cls, event_size: int, *, seed: Seed = None, dtype: Any = None) -> Self:
        """The permutation that reverses the order.

        Args:
            event_size: D.
            seed: accepted so that all layers share a signature.
            dtype: likewise.

        Raises:
            ValueError: an event size below 1.
            TypeError: an event size that is no integer.
        """
        event_size = checked_count(event_size, f"{cls.__name__}.reverse: event_size")
        as_integer(seed, f"{cls.__name__}.reverse: seed")
        return cls(np.arange(event_size)[::-1])

    def _forward_and_log_det(self, x):
        return permute(x, as_known(self._permutation)), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        inverse = inverse_of(as_known(self._permutation))
        return permute(y, inverse), tf.zeros([], y.dtype)
