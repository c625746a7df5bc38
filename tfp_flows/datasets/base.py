"""The base class of all two-dimensional densities."""

import functools
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.random_state import SampledBySeed

Bounds = tuple[tuple[float, float], tuple[float, float]]


class Density2D(SampledBySeed, tfd.Distribution):
    r"""A density of the plane whose entropy is known: event shape ``[2]``, no batch.

    A subclass implements ``_log_density(x)`` (x of shape ``[..., 2]``, result ``[...]``
    in nats) and ``_sample_n(n, seed)``. The entropy comes from here, for every
    subclass in the same way:

    H = −∫ p(x) ln p(x) dx,

    by the midpoint rule in float64, on a grid of three quarters of the detail of the
    density. For a density that is smooth on that scale, and has left nothing at the
    edge of the grid, the rule converges faster than any power of the step. It is
    computed once, when it is first asked for.

    Args:
        bounds: ``((x_min, x_max), (y_min, y_max))``, the part of the plane to plot. It
            holds nearly all the mass.
        detail: the length on which the density varies (its noise).
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.
        parameters: the constructor arguments of the subclass.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.
    """

    def __init__(
        self,
        bounds: Iterable[Iterable[float]],
        detail: float,
        dtype: tf.DType | str,
        validate_args: bool,
        name: str,
        parameters: dict,
    ):
        self._bounds = _as_bounds(bounds)
        self._detail = float(detail)
        super().__init__(
            dtype=floating(dtype),
            # There is no parameter to differentiate with respect to; TFP cuts the
            # gradient of everything downstream of a sample for the other types.
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    @property
    def bounds(self) -> Bounds:
        """The part of the plane to plot, ``((x_min, x_max), (y_min, y_max))``."""
        return _as_bounds(self._bounds)

    def _event_shape(self):
        return tf.TensorShape([2])

    def _event_shape_tensor(self):
        return tf.constant([2], tf.int32)

    def _batch_shape(self):
        return tf.TensorShape([])

    def _batch_shape_tensor(self):
        return tf.constant([], tf.int32)

    def _default_event_space_bijector(self):
        return tfp.bijectors.Identity(validate_args=self.validate_args)

    def _sample_control_dependencies(self, x):
        if not self.validate_args:
            return []
        message = f"{self.name}: x must be finite."
        return [tf.debugging.assert_all_finite(x, message)]

    def _log_prob(self, x):
        if x.shape.rank == 0 or x.shape[-1] not in (2, None):
            raise ValueError(
                f"{self.name} is a density of the plane: x must have shape [..., 2], "
                f"but got {x.shape}."
            )
        return self._log_density(x)

    def _log_density(self, x):
        raise NotImplementedError(f"{type(self).__name__} must define _log_density.")

    def _entropy(self):
        return tf.constant(self._grid_entropy, self.dtype)

    @functools.cached_property
    def _grid_entropy(self) -> float:
        width = 3.0 * self._detail
        wide = _as_bounds((low - width, high + width) for low, high in self._bounds)
        x, area = midpoints(wide, 0.75 * self._detail)
        with tf.init_scope():  # a number, also while a tf.function is traced
            log_p = self.copy(dtype=tf.float64).log_prob(x).numpy()
        return -area * float(np.sum(np.exp(log_p) * np.maximum(log_p, -1e6)))


def floating(dtype: tf.DType | str) -> tf.DType:
    """``dtype`` as a ``tf.DType``, if it is float32 or float64; TypeError otherwise."""
    dtype = tf.as_dtype(dtype)
    if dtype not in (tf.float32, tf.float64):
        raise TypeError(f"dtype must be float32 or float64, but got {dtype.name}.")
    return dtype


def positive(value: float, what: str) -> float:
    """``value`` as a float, if it is finite and positive; ValueError otherwise."""
    value = float(value)
    if not (np.isfinite(value) and value > 0.0):
        raise ValueError(f"{what} must be finite and positive, but got {value}.")
    return value


def midpoints(bounds: Bounds, step: float) -> tuple[np.ndarray, float]:
    """Centers ``[n, 2]`` of cells, about ``step`` wide, that tile ``bounds``, and area.

    The first axis varies slowest.
    """
    axes, area = [], 1.0
    for low, high in bounds:
        count = int(np.ceil((high - low) / step))
        side = (high - low) / count
        axes.append(low + side * (np.arange(count) + 0.5))
        area *= side
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return grid.reshape(-1, 2), area


def _as_bounds(bounds: Iterable[Iterable[float]]) -> Bounds:
    (x_min, x_max), (y_min, y_max) = bounds
    return (float(x_min), float(x_max)), (float(y_min), float(y_max))
