"""A product of Householder reflections."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.checks import checked_count
from tfp_flows.math import safe_norm


class Householder(Bijector):
    """Reflect in M hyperplanes, one after the other: an orthogonal map.

    Forward: y = xH₁H₂…H_M, x a row vector, with Hₘ = I − 2vₘvₘᵀ/‖vₘ‖². Only the
    direction of vₘ matters; where vₘ = 0, Hₘ is the identity.

    Inverse: x = yH_M…H₂H₁, for each reflection is its own inverse.

    Log-determinant: 0. The determinant is (−1)ᴹ (zero vectors not counted): an even
    number of reflections makes a rotation, an odd number a rotation and a reflection,
    and training cannot lead from the one to the other. M = D reflections, or D − 1,
    reach all orthogonal maps of their sign.

    Cost: O(MD) a point in both directions, and once a call O(M²D): the product is
    I − UᵀW with two ``[M, D]`` matrices, so that it is two matrix products and no loop.

    Args:
        vectors: v₁ … v_M, ``[..., M, D]``.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: no vectors, or a call with points of another size.
        TypeError: vectors that are not floating.

    ``Householder.trainable`` takes ``num_reflections``, by default the largest even
    number up to D (or 2). They start in equal pairs of random directions, which undo
    each other: the start is the identity. There a pair's two vectors have opposite
    gradients, and as soon as they part the pair rotates the plane that holds both.
    (No single reflection is near the identity.) An odd number of reflections
    starts as the last one, alone. With ``paired=False`` all directions differ: the
    start is a random orthogonal map.

    >>> import tfp_flows
    >>> householder = tfp_flows.bijectors.Householder([[1.0, 0.0], [1.0, -1.0]])
    >>> householder.forward([3.0, 1.0]).numpy().round(3)  # (−3, 1), its entries swapped
    array([ 1., -3.], dtype=float32)

    Paper: Tomczak and Welling (2016), Improving variational auto-encoders using
    Householder flow.
    """

    def __init__(
        self, vectors: Any, validate_args: bool = False, name: str = "householder"
    ):
        super().__init__(dict(locals()), is_constant_jacobian=True)
        require_vectors(self)

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"vectors": ParameterProperties(event_ndims=2)}

    @classmethod
    def _initial_parameters(cls, event_size, rng, num_reflections=None, paired=True):
        vectors = pairs_of_vectors(cls, event_size, rng, num_reflections)
        return {"vectors": vectors if paired else rng.normal(size=vectors.shape)}

    def _forward_and_log_det(self, x):
        return reflect(x, self.vectors), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        return reflect(y, self.vectors, backwards=True), tf.zeros([], y.dtype)


def require_vectors(bijector: Bijector) -> None:
    """Refuses a bijector without ``vectors``.

    Raises:
        ValueError: naming their shape.
    """
    if bijector.vectors.shape[-2] == 0:
        raise ValueError(
            f"{bijector._where}: vectors must hold 1 reflection or more, but got shape "
            f"{tuple(bijector.vectors.shape)}."
        )


def pairs_of_vectors(
    cls: type, event_size: int, rng: np.random.Generator, num_reflections: int | None
) -> np.ndarray:
    """Vectors ``[M, D]``, each direction twice, so that the product is the identity.

    Raises:
        TypeError: a number of reflections that is no integer.
        ValueError: one below 1.
    """
    if num_reflections is None:
        num_reflections = max(2, event_size - event_size % 2)
    num_reflections = checked_count(num_reflections, f"{cls.__name__}: num_reflections")
    directions = rng.normal(size=[(num_reflections + 1) // 2, event_size])
    return np.repeat(directions, 2, axis=0)[:num_reflections]


def reflect(x: Any, vectors: Any, *, backwards: bool = False) -> tf.Tensor:
    """The product xH₁H₂…H_M for row vectors x, or xH_M…H₂H₁.

    H₁H₂…H_M = I − UᵀW, where U has the unit vectors for rows and W = (½I + S)⁻¹U, S
    being the part of UUᵀ above its diagonal (the compact form of Puglisi, 1992, and
    Joffrain et al., 2006). The transpose, I − WᵀU, is the product backwards.

    Args:
        x: ``[..., D]``.
        vectors: ``[..., M, D]``; a zero vector reflects nothing.
        backwards: whether the last reflection comes first.
    """
    vectors = tf.convert_to_tensor(vectors)
    norm = safe_norm(vectors)[..., tf.newaxis]
    unit = vectors / tf.where(norm > 0, norm, tf.ones_like(norm))
    triangle = tf.linalg.band_part(tf.matmul(unit, unit, transpose_b=True), 0, -1)
    # The diagonal is ½ for zero vectors, too: nothing to divide by vanishes.
    half = tf.fill(tf.shape(norm)[:-1], tf.constant(0.5, norm.dtype))
    triangle = tf.linalg.set_diag(triangle, half)
    other = tf.linalg.triangular_solve(triangle, unit, lower=False)
    first, second = (other, unit) if backwards else (unit, other)
    along = tf.einsum("...d,...md->...m", x, first)
    return x - tf.einsum("...m,...md->...d", along, second)
