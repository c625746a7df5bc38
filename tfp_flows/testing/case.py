"""A bijector and points to check it on, with the measures of the checks."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import forward_and_log_det, inverse_and_log_det

# Roundings that a chain of a few operations may add up to.
_ROUNDINGS = 64


class Case:
    """A bijector, points of its domain, and the Jacobian there.

    Args:
        bijector: the bijector.
        x: points, ``[N, *event_shape]``.
        dtype: the dtype to compute in.
        where: the name of the case in a failure.
        log_det_draws: the number of draws of a log-determinant that is an unbiased
            estimate; 1 for exact ones. Their mean is compared, within six of its
            standard errors.
        tangents: a function from points ``[N, D]`` to orthonormal rows ``[N, K, D]``
            that span the tangent space of the manifold there, on which the bijector
            acts.
    """

    def __init__(
        self,
        bijector: tfb.Bijector,
        x: Any,
        dtype: str,
        where: str = "as given",
        log_det_draws: int = 1,
        tangents: Callable | None = None,
    ):
        self.bijector = bijector
        self.log_det_draws, self.tangents = log_det_draws, tangents
        # Six standard errors of each mean of the last draws.
        self.log_det_spread = 0.0
        self.x = tf.constant(x, dtype)
        self.event_ndims = self.x.shape.rank - 1
        self.image_ndims = bijector.forward_event_ndims(self.event_ndims)
        self.state = where
        self.where = f"{type(bijector).__name__} {bijector.name!r}, {dtype}, {where}"
        self.rounding = _ROUNDINGS * float(np.finfo(dtype).eps)

    def forward(self, x: tf.Tensor) -> tf.Tensor:
        """``forward``, computed anew."""
        return self.bijector.forward(tf.identity(x))

    def inverse(self, y: tf.Tensor) -> tf.Tensor:
        """``inverse``, computed anew."""
        return self.bijector.inverse(tf.identity(y))

    def like(self, bijector: tfb.Bijector) -> "Case":
        """A case of another bijector at these points."""
        dtype = self.x.dtype.name
        how = self.log_det_draws, self.tangents
        return Case(bijector, self.x, dtype, self.state, *how)

    def fldj(self, x: tf.Tensor) -> tf.Tensor:
        """The forward log-determinant, ``[N]``, computed anew."""
        log_det_of = self.bijector.forward_log_det_jacobian
        return self._log_det(log_det_of, x, self.event_ndims)

    def ildj(self, y: tf.Tensor) -> tf.Tensor:
        """The inverse log-determinant, ``[N]``, computed anew."""
        log_det_of = self.bijector.inverse_log_det_jacobian
        return self._log_det(log_det_of, y, self.image_ndims)

    def both_ways(self, x: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
        """Both maps, at points and at images, each with its log-determinant, ``[N]``.

        Each by one evaluation of the two together, where the log-determinant is no mean
        of draws.
        """
        if self.log_det_draws > 1:
            return self.by_four_methods(x, y)
        ndims = self.event_ndims, self.image_ndims
        forward, fldj = forward_and_log_det(self.bijector, tf.identity(x), ndims[0])
        inverse, ildj = inverse_and_log_det(self.bijector, tf.identity(y), ndims[1])
        fldj = tf.broadcast_to(fldj, tf.shape(x)[: -ndims[0]])
        ildj = tf.broadcast_to(ildj, tf.shape(y)[: -ndims[1]])
        return {"forward": forward, "inverse": inverse, "fldj": fldj, "ildj": ildj}

    def by_four_methods(self, x: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
        """Give what `both_ways` gives, by TFP's four methods."""
        return {
            "forward": self.forward(x),
            "inverse": self.inverse(y),
            "fldj": self.fldj(x),
            "ildj": self.ildj(y),
        }

    def _log_det(self, log_det_of, points, event_ndims: int) -> tf.Tensor:
        shape = tf.shape(points)[:-event_ndims]
        draws = [
            tf.broadcast_to(log_det_of(tf.identity(points), event_ndims), shape)
            for _ in range(self.log_det_draws)
        ]
        if len(draws) == 1:
            return draws[0]
        if tf.executing_eagerly():
            self.log_det_spread = 6.0 * np.std(draws, axis=0) / len(draws) ** 0.5
        return tf.reduce_mean(tf.stack(draws), axis=0)

    @functools.cached_property
    def jacobian_at_x(self) -> np.ndarray:
        """`jacobian` at the points of the case."""
        return self.jacobian(self.x)

    def jacobian(self, x: tf.Tensor) -> np.ndarray:
        """∂forward/∂x by autodiff, ``[N, D, D]`` in float64, events flattened.

        On a manifold ``[N, K, K]``, in coordinates of its tangent spaces.
        """
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = tf.reshape(self.forward(x), [len(x), -1])
            columns = tf.unstack(y, axis=-1)
        rows = [flat(tape.gradient(column, x)) for column in columns]
        jacobian = np.stack(rows, axis=1).astype(np.float64)
        if self.tangents is None:
            return jacobian
        from_tangents, to_tangents = self.tangents(x), self.tangents(self.forward(x))
        return to_tangents @ jacobian @ np.swapaxes(from_tangents, 1, 2)

    def check(self, condition: Any, message: str) -> None:
        """Fails with ``message`` unless ``condition`` holds everywhere."""
        if not np.all(condition):
            raise AssertionError(f"{self.where}: {message}")

    def check_finite(self, value: Any, what: str) -> None:
        """Fails unless all of ``value`` is finite."""
        count = int(np.sum(~np.isfinite(value)))
        self.check(count == 0, f"{what} has {count} entries that are not finite.")

    def check_close(
        self, actual: Any, expected: Any, tolerance: Any, what: str
    ) -> None:
        """Fails unless |actual − expected| ≤ tolerance, NaN counting as far."""
        error = np.abs(
            np.asarray(actual, np.float64) - np.asarray(expected, np.float64)
        )
        excess = np.max(error - tolerance)
        worst = np.unravel_index(np.argmax(error - tolerance), error.shape)
        self.check(
            excess <= 0,
            f"{what}: off by {error[worst]:.3g} where "
            f"{np.broadcast_to(tolerance, error.shape)[worst]:.3g} is allowed.",
        )


def flat(x: tf.Tensor) -> np.ndarray:
    """Events ``[N, *event_shape]`` as ``[N, D]``; ``None`` is an error, not zeros."""
    return np.asarray(x).reshape(len(x), -1)


def size(x: tf.Tensor) -> np.ndarray:
    """The norm of each event, ``[N, 1]``, in float64."""
    return np.linalg.norm(flat(x).astype(np.float64), axis=-1, keepdims=True)
