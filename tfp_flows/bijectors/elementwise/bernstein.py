"""Polynomials in Bernstein's form."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.elementwise.monotone import (
    MonotoneOnInterval,
    column,
    soft_bounded,
)
from tfp_flows.bijectors.elementwise.transformer_spec import TransformerSpec
from tfp_flows.checks import checked_count
from tfp_flows.math import clip_straight_through


class Bernstein(MonotoneOnInterval):
    """An increasing Bernstein polynomial on an interval, linear outside it.

    Inverse (data → base), with y mapped from [low, high] to u in [0, 1]:
    z = Σₖ θₖBₖ(u), with Bₖ the M + 1 Bernstein polynomials of degree M and coefficients
    θ that increase by δₖ·(high − low)/M. It is the identity where all δₖ are 1. Beyond
    the interval it goes on as its tangent.

    Forward (base → data): the root y of z(y) = z, by a guarded Newton search.

    Log-determinant: the logarithm of Σₖ δₖB′ₖ(u) for each dimension in ``inverse``, B′
    the Bernstein polynomials of degree M − 1; all of its terms are positive.

    Cost: O(M) a dimension in ``inverse``, the direction of maximum likelihood; in
    ``forward`` some ten times that.

    Args:
        increments: ``[..., D, M]``, unconstrained: δ = exp(4·tanh(increments/4)).
        shift: ``[..., D]``, added to z. With zeros the map is the identity.
        low: the lower end of the interval.
        high: the upper end.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: an interval that is empty or reversed; no increments.
        TypeError: dtypes that differ or are not floating.

    >>> import tfp_flows
    >>> polynomial = tfp_flows.bijectors.Bernstein([[0.0, 1.0, 0.0]], shift=[0.0])
    >>> polynomial.inverse([[-4.0], [0.0], [9.0]]).numpy().round(3)
    array([[-6.218],
           [ 0.   ],
           [11.218]], dtype=float32)

    Paper: Ramasinghe, Fernando, Khan and Barnes (2021), Robust normalizing flows using
    Bernstein-type polynomials.
    """

    def __init__(
        self,
        increments: Any,
        shift: Any,
        low: float = -4.0,
        high: float = 4.0,
        validate_args: bool = False,
        name: str = "bernstein",
    ):
        super().__init__(dict(locals()))
        self._require_same_length("increments")

    @classmethod
    def _param_shapes(cls, degree=1):
        return {
            "increments": (checked_count(degree, f"{cls.__name__}: degree"),),
            "shift": (),
        }

    @classmethod
    def _initial_parameters(cls, event_size, rng, degree: int = 16):
        return cls._zeros(event_size, degree=degree)

    @classmethod
    def spec(cls, *, degree: int = 16, **options: Any) -> TransformerSpec:
        """This polynomial as the transformer of a coupling or autoregressive layer.

        Args:
            degree: M.
            **options: the constructor's ``low`` and ``high``.
        """
        return TransformerSpec(cls, cls._param_shapes(degree), options)

    def _curve_inside(self, rank):
        increments = tf.exp(soft_bounded(self._in_front("increments", rank), 4.0))
        degree = increments.shape[0]
        total = tf.reduce_sum(increments, axis=0)
        edges = tf.concat([0.0 * total[tf.newaxis], tf.cumsum(increments)], axis=0)
        coefficients = (2.0 * edges - total) / degree

        def inside(t):
            u, v = 0.5 * (1.0 + t), 0.5 * (1.0 - t)
            value = _sum(coefficients, u, v) + self.shift / self._half
            return value, tf.math.log(_sum(increments, u, v))

        return inside


def _sum(coefficients, u, v) -> tf.Tensor:
    """Σₖ θₖ·(M over k)·uᵏ·vᴹ⁻ᵏ, with v = 1 − u."""
    degree = coefficients.shape[0] - 1
    k = np.arange(degree + 1)
    # By logarithms: of chains of products XLA would compute each from its start.
    log_basis = (
        column([math.log(math.comb(degree, i)) for i in k], coefficients)
        + column(k, coefficients) * _log(u)
        + column(degree - k, coefficients) * _log(v)
    )
    return tf.reduce_sum(coefficients * tf.exp(log_basis), axis=0)


def _log(x) -> tf.Tensor:
    # Not nearer to 0 than rounding, or a second derivative would overflow.
    eps = float(np.finfo(x.dtype.as_numpy_dtype).eps)
    return tf.math.log(clip_straight_through(x, eps, 1.0))
