"""A bijector and points to check it on, with what the checks measure by."""

import functools

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

# Roundings that a chain of a few operations may add up to.
_ROUNDINGS = 64


class Case:
    """A bijector, points of its domain, and the Jacobian there.

    Args:
        bijector: the bijector.
        x: points, ``[N, *event_shape]``.
        dtype: to compute in.
        where: what a failure calls the case.
    """

    def __init__(self, bijector: tfb.Bijector, x, dtype: str, where: str = "as given"):
        self.bijector = bijector
        self.x = tf.constant(x, dtype)
        self.event_ndims = self.x.shape.rank - 1
        self.image_ndims = bijector.forward_event_ndims(self.event_ndims)
        self.where = f"{type(bijector).__name__} {bijector.name!r}, {dtype}, {where}"
        self.rounding = _ROUNDINGS * float(np.finfo(dtype).eps)

    def forward(self, x) -> tf.Tensor:
        """``forward``, computed anew."""
        return self.bijector.forward(tf.identity(x))

    def inverse(self, y) -> tf.Tensor:
        """``inverse``, computed anew."""
        return self.bijector.inverse(tf.identity(y))

    def fldj(self, x) -> tf.Tensor:
        """The forward log-determinant, ``[N]``, computed anew."""
        log_det = self.bijector.forward_log_det_jacobian(
            tf.identity(x), event_ndims=self.event_ndims
        )
        return tf.broadcast_to(log_det, tf.shape(x)[: -self.event_ndims])

    def ildj(self, y) -> tf.Tensor:
        """The inverse log-determinant, ``[N]``, computed anew."""
        log_det = self.bijector.inverse_log_det_jacobian(
            tf.identity(y), event_ndims=self.image_ndims
        )
        return tf.broadcast_to(log_det, tf.shape(y)[: -self.image_ndims])

    @functools.cached_property
    def own_jacobian(self) -> np.ndarray:
        """`jacobian` at the points of the case."""
        return self.jacobian(self.x)

    def jacobian(self, x) -> np.ndarray:
        """∂forward/∂x by autodiff, ``[N, D, D]`` in float64, events flattened."""
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = tf.reshape(self.forward(x), [len(x), -1])
            columns = tf.unstack(y, axis=-1)
        rows = [flat(tape.gradient(column, x)) for column in columns]
        return np.stack(rows, axis=1).astype(np.float64)

    def check(self, condition, message: str) -> None:
        """Fails with ``message`` unless ``condition`` holds everywhere."""
        if not np.all(condition):
            raise AssertionError(f"{self.where}: {message}")

    def check_finite(self, value, what: str) -> None:
        """Fails unless all of ``value`` is finite."""
        count = int(np.sum(~np.isfinite(value)))
        self.check(count == 0, f"{what} has {count} entries that are not finite.")

    def check_close(self, found, expected, tolerance, what: str) -> None:
        """Fails unless |found − expected| ≤ tolerance, NaN counting as far."""
        error = np.abs(np.asarray(found, np.float64) - np.asarray(expected, np.float64))
        excess = np.max(error - tolerance)
        worst = np.unravel_index(np.argmax(error - tolerance), error.shape)
        self.check(
            excess <= 0,
            f"{what}: off by {error[worst]:.3g} where "
            f"{np.broadcast_to(tolerance, error.shape)[worst]:.3g} is allowed.",
        )


def flat(x) -> np.ndarray:
    """``[N, *event_shape]`` as ``[N, D]``; ``None`` gives an error, not zeros."""
    return np.asarray(x).reshape(len(x), -1)


def size(x) -> np.ndarray:
    """‖x‖ of each event, ``[N, 1]``, in float64."""
    return np.linalg.norm(flat(x).astype(np.float64), axis=-1, keepdims=True)
