"""The four potentials of Rezende & Mohamed (2015)."""

import math
from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.datasets.potential import Potential


class PaperPotential(Potential):
    """A potential of the paper, by a static method ``_formula`` from z to U(z).

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that z is finite.
        name: the name of the distribution; that of the class if not given.
    """

    _formula: Callable[[tf.Tensor], tf.Tensor]

    def __init__(
        self,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str | None = None,
    ):
        name = name or type(self).__name__
        parameters = {"dtype": dtype, "validate_args": validate_args, "name": name}
        super().__init__(self._formula, dtype, validate_args, name)
        self._parameters = parameters


class U1(PaperPotential):
    r"""A ring of radius 2 that is bright on the left and on the right.

    U(z) = ½ ((‖z‖ − 2) / 0.4)² − ln(exp(−½ ((z₁ − 2) / 0.6)²) +
    exp(−½ ((z₁ + 2) / 0.6)²)) on [−4, 4]². ln Z = 1.878, entropy 2.660 nats. See
    `Potential`; the paper is https://arxiv.org/abs/1505.05770.

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that z is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> print(f"{U1().potential([1.6, 0.0]):.4f}")  # ½ (1² + (2/3)²)
    0.7222
    """

    @staticmethod
    def _formula(z):
        # At the origin the slope of the norm is not defined; the floor makes it 0.
        norm = tf.sqrt(tf.maximum(tf.reduce_sum(z**2, axis=-1), 1e-20))
        right, left = _well(z[..., 0] - 2.0, 0.6), _well(z[..., 0] + 2.0, 0.6)
        return -_well(norm - 2.0, 0.4) - tfp.math.log_add_exp(right, left)


class U2(PaperPotential):
    r"""A band around one period of a sine after another.

    U(z) = ½ ((z₂ − w₁(z)) / 0.4)², w₁(z) = sin(2πz₁ / 4), on [−4, 4]². ln Z = 2.082,
    entropy 2.582 nats. It does not decay along z₁: without the square it could not be
    normalized. See `Potential`; the paper is https://arxiv.org/abs/1505.05770.

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that z is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> print(f"{U2().potential([0.0, 0.4]):.4f}")
    0.5000
    """

    @staticmethod
    def _formula(z):
        return -_well(z[..., 1] - _w1(z), 0.4)


class U3(PaperPotential):
    r"""A sine band that splits in two near z₁ = 1.

    U(z) = −ln(exp(−½ ((z₂ − w₁) / 0.35)²) + exp(−½ ((z₂ − w₁ + w₂) / 0.35)²)),
    w₁ = sin(2πz₁ / 4), w₂ = 3 exp(−½ ((z₁ − 1) / 0.6)²), on [−4, 4]². ln Z = 2.642,
    entropy 2.627 nats. See `Potential`; the paper is https://arxiv.org/abs/1505.05770.

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that z is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> print(f"{U3().potential([-4.0, 0.0]):.4f}")  # both bands coincide: −ln 2
    -0.6931
    """

    @staticmethod
    def _formula(z):
        w2 = 3.0 * tf.exp(_well(z[..., 0] - 1.0, 0.6))
        height = z[..., 1] - _w1(z)
        return -tfp.math.log_add_exp(_well(height, 0.35), _well(height + w2, 0.35))


class U4(PaperPotential):
    r"""A sine band of which a second one branches off at z₁ = 1.

    U(z) = −ln(exp(−½ ((z₂ − w₁) / 0.4)²) + exp(−½ ((z₂ − w₁ + w₃) / 0.35)²)),
    w₁ = sin(2πz₁ / 4), w₃ = 3 σ((z₁ − 1) / 0.3), σ the logistic function, on [−4, 4]².
    ln Z = 2.685, entropy 2.766 nats. See `Potential`; the paper is
    https://arxiv.org/abs/1505.05770.

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that z is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> print(f"{U4().potential([-4.0, 0.0]):.4f}")  # both bands coincide: −ln 2
    -0.6931
    """

    @staticmethod
    def _formula(z):
        w3 = 3.0 * tf.sigmoid((z[..., 0] - 1.0) / 0.3)
        height = z[..., 1] - _w1(z)
        return -tfp.math.log_add_exp(_well(height, 0.4), _well(height + w3, 0.35))


def _well(distance, width):
    return -0.5 * (distance / width) ** 2


def _w1(z):
    return tf.sin(2.0 * math.pi * z[..., 0] / 4.0)
