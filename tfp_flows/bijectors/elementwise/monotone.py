"""The base class of transformers that are closed in one direction alone."""

import abc
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.base import ParameterProperties
from tfp_flows.bijectors.elementwise.elementwise import Elementwise
from tfp_flows.checks import require_interval
from tfp_flows.math import Curve, find_root


class Monotone(Elementwise):
    """An increasing function of each dimension, closed in the direction data → base.

    To subclass, as `Elementwise`. Write ``_param_shapes`` (the shape of each parameter
    for one dimension, given the counts that it depends on, with defaults) and
    ``_curve``, which gives the function; it must be onto the real numbers. In return
    ``inverse`` and its log-determinant are the function's, and ``forward`` is a search
    for its root, with gradients by the implicit function theorem. Training by maximum
    likelihood searches for nothing.

    Raises:
        ValueError: at a call of ``forward``, executed eagerly, where no root is found;
            in a graph the result is NaN there.
    """

    closed = frozenset({"inverse"})

    @abc.abstractmethod
    def _curve(self, rank: int) -> Curve:
        """A function from y, of that rank or less, to the value z(y) and log dz/dy.

        All that depends on the parameters alone is computed here, not in the function,
        which a search evaluates many times.
        """

    @classmethod
    def _parameter_properties(cls, dtype):
        return {
            name: ParameterProperties(event_ndims=len(shape))
            for name, shape in cls._param_shapes().items()
        }

    @classmethod
    def _zeros(cls, event_size: int, **counts) -> dict[str, np.ndarray]:
        """Parameters of zeros."""
        shapes = cls._param_shapes(**counts).items()
        return {name: np.zeros([event_size, *shape]) for name, shape in shapes}

    @classmethod
    def _is_increasing(cls):
        return True

    def _require_same_length(self, *names: str) -> int:
        """The size of the last axis, which these parameters share.

        Raises:
            ValueError: sizes that differ, or 0.
        """
        lengths = {name: getattr(self, name).shape[-1] for name in names}
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            raise ValueError(
                f"{self._where}: the last axes of the parameters must be the same, and "
                f"1 or more, but got {lengths}."
            )
        return lengths[names[0]]

    def _in_front(self, name: str, rank: int) -> tf.Tensor:
        """A parameter with the axes of one dimension's value first, then a point's.

        Args:
            name: the name of the parameter, ``[..., D, *shape]``.
            rank: the `_rank` of the points; the parameter then broadcasts with them.
        """
        value = tf.convert_to_tensor(getattr(self, name))
        ndims = self._parameter_properties(self.dtype)[name].event_ndims
        batch = value.shape.rank - ndims
        value = tf.transpose(value, [*range(batch, batch + ndims), *range(batch)])
        for _ in range(rank - batch):
            value = tf.expand_dims(value, ndims)
        return value

    def _rank(self, x: tf.Tensor) -> int:
        """The greatest rank among that of points and the batch ranks of parameters."""
        batch = self.experimental_batch_shape(x_event_ndims=0)
        return max(x.shape.rank, batch.rank)

    def _without_gradients(self):
        """A copy of the bijector whose parameters have no gradients."""
        names = self._parameter_properties(self.dtype)
        values = {name: getattr(self, name) for name in names}
        return self._with(
            **{
                name: tf.stop_gradient(tf.convert_to_tensor(value))
                for name, value in values.items()
                if value is not None
            }
        )

    def _forward_and_log_det(self, x):
        y, log_slope = find_root(
            self._curve(self._rank(x)),
            self._without_gradients()._curve(self._rank(x)),
            x,
            where=self._where,
            validate_args=self.validate_args,
        )
        return y, -log_slope

    def _inverse_and_log_det(self, y):
        return self._curve(self._rank(y))(y)


class MonotoneOnInterval(Monotone):
    """A `Monotone` with a formula for an interval only; it goes on linearly outside.

    To subclass, as `Monotone`, but write ``_curve_inside``, the function on [−1, 1]:
    the interval is mapped there, and the function's values are mapped back.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``low`` and ``high``.

    Raises:
        ValueError: an interval that is empty or reversed.
    """

    def __init__(self, parameters: Mapping):
        low, high = parameters["low"], parameters["high"]
        require_interval(low, high, f"{type(self).__name__} {parameters['name']!r}")
        self._center, self._half = 0.5 * (low + high), 0.5 * (high - low)
        super().__init__(parameters)

    @abc.abstractmethod
    def _curve_inside(self, rank: int) -> Curve:
        """The function on [−1, 1], made as `_curve` makes its own."""

    def _curve(self, rank):
        inside = self._curve_inside(rank)

        def curve(y):
            t = (y - self._center) / self._half
            # Clipped before the formula, which may overflow or decrease outside.
            nearest = tf.clip_by_value(t, -1.0, 1.0)
            value, log_slope = inside(nearest)
            value = value + tf.exp(log_slope) * (t - nearest)
            return self._center + self._half * value, log_slope

        return curve


def spread(count: int) -> tuple[np.ndarray, float]:
    """The centers of components at the start, evenly within ±0.35, and their scale.

    With equal weights they make nearly one component at 0 with scale 1: the identity,
    if all unconstrained parameters are 0; and yet they differ, as they must to learn.

    Args:
        count: the number of components.

    Returns:
        The centers, in standard deviations of one component of scale 1, and the scale.
    """
    centers = np.linspace(-0.35, 0.35, count) if count > 1 else np.zeros(1)
    return centers, math.sqrt(1.0 - float(np.var(centers)))


def column(values: Any, like: tf.Tensor) -> tf.Tensor:
    """Numbers along the first axis, that broadcast with a tensor."""
    shape = [-1] + [1] * (like.shape.rank - 1)
    return tf.reshape(tf.constant(values, like.dtype), shape)


def soft_bounded(x: tf.Tensor, bound: float) -> tf.Tensor:
    """Nearly x for small x, within ±bound for all."""
    return bound * tf.tanh(x / bound)
