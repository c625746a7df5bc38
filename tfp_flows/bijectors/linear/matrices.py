"""Square and triangular matrices that linear bijectors are made of."""

from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.base import Bijector


def require_square(bijector: Bijector, name: str) -> None:
    """Refuses a matrix that is not square.

    Raises:
        ValueError: naming the matrix and its shape.
    """
    shape = getattr(bijector, name).shape
    if shape[-2] != shape[-1]:
        raise ValueError(
            f"{bijector._where}: {name} must be square, but got shape {tuple(shape)}."
        )


def upper_factor(packed: Any) -> tf.Tensor:
    """The part above the diagonal, and the exponential of the diagonal."""
    diagonal = tf.exp(tf.linalg.diag_part(packed))
    return tf.linalg.set_diag(tf.linalg.band_part(packed, 0, -1), diagonal)


def solve_upper(y: Any, upper: tf.Tensor) -> tf.Tensor:
    """The row vectors x with xU = y."""
    # TensorFlow's operator makes columns of one matrix of all points that share U.
    transposed = tf.linalg.matrix_transpose(upper)
    return tf.linalg.LinearOperatorLowerTriangular(transposed).solvevec(y)
