"""The inverse of the units of a Sylvester layer."""

import tensorflow as tf

from tfp_flows.math.tanh_root import sech_squared, tanh_root, tanh_slope


def nested_tanh_root(
    y: tf.Tensor,
    upper: tf.Tensor,
    upper_tilde: tf.Tensor,
    b: tf.Tensor,
    one_plus_m: tf.Tensor,
) -> tf.Tensor:
    """The z with z + R tanh(R̃ z + b) = y, with gradients: M nested scalar roots.

    The search finds z as a constant. Newton steps of the equation at its own residual
    leave the value as it is, and give it the derivatives of the implicit function
    theorem: one step the first, two the second.

    Args:
        y: ``[..., M]``.
        upper: R, upper triangular, ``[..., M, M]``.
        upper_tilde: R̃, upper triangular, ``[..., M, M]``, with a positive diagonal.
        b: ``[..., M]``.
        one_plus_m: 1 + rᵢᵢ·r̃ᵢᵢ, positive, ``[..., M]``.
    """
    arguments = (y, upper, upper_tilde, b, one_plus_m)
    z = tf.stop_gradient(_search(*map(tf.stop_gradient, arguments)))
    for _ in range(2):
        t = matvec(upper_tilde, z) + b
        residual = z + matvec(upper, tf.tanh(t)) - y
        jacobian = tf.matmul(upper * sech_squared(t)[..., tf.newaxis, :], upper_tilde)
        jacobian = tf.linalg.set_diag(jacobian, tanh_slope(t, one_plus_m))
        change = (residual - tf.stop_gradient(residual))[..., tf.newaxis]
        z -= tf.linalg.triangular_solve(jacobian, change, lower=False)[..., 0]
    return z


def _search(y, upper, upper_tilde, b, one_plus_m) -> tf.Tensor:
    """The root without gradients: back substitution, one unit after another."""
    num_units = b.shape[-1]
    steepness = tf.linalg.diag_part(upper_tilde)
    size = tf.linalg.diag_part(upper)
    above, above_tilde = _strictly_upper(upper), _strictly_upper(upper_tilde)

    def body(i, z, tanhs):
        remainder = y[..., i] - tf.reduce_sum(above[..., i, :] * tanhs, axis=-1)
        bias = tf.reduce_sum(above_tilde[..., i, :] * z, axis=-1) + b[..., i]
        target = steepness[..., i] * remainder + bias
        tanh_i = tf.tanh(tanh_root(target, one_plus_m[..., i]))
        z_i = remainder - size[..., i] * tanh_i
        here = tf.one_hot(i, num_units, dtype=y.dtype)
        z += here * z_i[..., tf.newaxis]
        return i - 1, z, tanhs + here * tanh_i[..., tf.newaxis]

    zeros = tf.zeros_like(y + b + upper[..., 0] + upper_tilde[..., 0])
    _, z, _ = tf.while_loop(
        lambda i, *_: i >= 0,
        body,
        (tf.constant(num_units - 1), zeros, zeros),
        maximum_iterations=num_units,
    )
    return z


def _strictly_upper(upper) -> tf.Tensor:
    """The part above the diagonal."""
    return tf.linalg.set_diag(upper, tf.zeros_like(upper[..., 0]))


def matvec(matrix: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """A matrix, or a batch of them, times vectors ``[..., M]``."""
    return tf.einsum("...ij,...j->...i", matrix, x)
