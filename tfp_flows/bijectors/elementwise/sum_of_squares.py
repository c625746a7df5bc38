"""The integral of a sum of squared polynomials."""

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
from tfp_flows.math import gauss_legendre

_LEAST = 0.01


class SumOfSquares(MonotoneOnInterval):
    """An increasing polynomial on an interval, linear outside it.

    Inverse (data → base), with y mapped from [low, high] to t in [−1, 1]:
    z = c + ∫₀ᵗ g, g = 0.01 + Σₖ pₖ², with K polynomials pₖ of degree R. A quadrature
    of R + 1 points gives the integral without error. Beyond the interval, where a
    polynomial would soon overflow, it goes on as its tangent.

    Forward (base → data): the root y of z(y) = z, by a guarded Newton search.

    Log-determinant: log g(t) for each dimension in ``inverse``.

    Cost: O(KR²) a dimension in ``inverse``, the direction of maximum likelihood; in
    ``forward`` some ten times that.

    Zeros are nearly the identity: the polynomials are counted from fixed ones,
    constants but for slight slopes that make them differ, as they must to learn.

    Args:
        coefficients: ``[..., D, K, R + 1]``, those of t⁰, t¹, …: 3·tanh(coefficients/3)
            is added to the fixed ones. (The slope has their squares: unbounded, those
            that a network gives far from its data would overflow.)
        shift: c, ``[..., D]``.
        low: the lower end of the interval.
        high: the upper end.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: an interval that is empty or reversed; no polynomials.
        TypeError: dtypes that differ or are not floating.

    >>> import tensorflow as tf, tfp_flows
    >>> squares = tfp_flows.bijectors.SumOfSquares.trainable(1, num_polynomials=2)
    >>> y = squares.forward([[0.0], [100.0]])
    >>> squares.inverse(tf.identity(y)).numpy().round(3) + 0.0
    array([[  0.],
           [100.]], dtype=float32)

    Paper: Jaini, Selby and Yu (2019), Sum-of-squares polynomial flow.
    """

    def __init__(
        self,
        coefficients: Any,
        shift: Any,
        low: float = -4.0,
        high: float = 4.0,
        validate_args: bool = False,
        name: str = "sum_of_squares",
    ):
        super().__init__(dict(locals()))
        if 0 in self.coefficients.shape[-2:]:
            raise ValueError(
                f"{self._where}: coefficients must be those of 1 polynomial or more, "
                f"with 1 coefficient or more, but got shape "
                f"{tuple(self.coefficients.shape)}."
            )

    @classmethod
    def _param_shapes(cls, num_polynomials=1, degree=1):
        where = cls.__name__
        num = checked_count(num_polynomials, f"{where}: num_polynomials")
        return {
            "coefficients": (num, 1 + checked_count(degree, f"{where}: degree")),
            "shift": (),
        }

    @classmethod
    def _initial_parameters(
        cls, event_size, rng, num_polynomials: int = 3, degree: int = 4
    ):
        return cls._zeros(event_size, num_polynomials=num_polynomials, degree=degree)

    @classmethod
    def spec(
        cls, *, num_polynomials: int = 3, degree: int = 4, **options: Any
    ) -> TransformerSpec:
        """This polynomial as the transformer of a coupling or autoregressive layer.

        Args:
            num_polynomials: K.
            degree: R; the map has degree 2R + 1.
            **options: the constructor's ``low`` and ``high``.
        """
        return TransformerSpec(cls, cls._param_shapes(num_polynomials, degree), options)

    def _polynomials(self, rank: int) -> list[tf.Tensor]:
        """The coefficients of each power, with all polynomials along the first axis."""
        coefficients = soft_bounded(self._in_front("coefficients", rank), 3.0)
        count, num = coefficients.shape[:2]
        slopes = np.linspace(-0.15, 0.15, count) if count > 1 else np.zeros(1)
        # The mean of g over the interval is 1.
        size = math.sqrt((1.0 - _LEAST) / (count + float(np.sum(slopes**2)) / 3.0))
        powers = tf.unstack(coefficients, axis=1)
        powers[0] = powers[0] + size
        if num > 1:
            powers[1] = powers[1] + column(size * slopes, powers[1])
        return powers

    def _curve_inside(self, rank):
        polynomials = self._polynomials(rank)
        rule = gauss_legendre(len(polynomials), self._where)

        def slope(t):
            return _LEAST + tf.reduce_sum(_value(polynomials, t) ** 2, axis=0)

        def inside(t):
            mean = tf.add_n([weight * slope(point * t) for point, weight in rule])
            return self.shift / self._half + t * mean, tf.math.log(slope(t))

        return inside


def _value(coefficients, t) -> tf.Tensor:
    """The values of polynomials, by Horner's rule."""
    value = coefficients[-1] + tf.zeros_like(t)
    for coefficient in reversed(coefficients[:-1]):
        value = value * t + coefficient
    return value
