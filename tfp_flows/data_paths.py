"""The ways that data take through a distribution, for layers that start from data."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.stages import is_a, stages


class DataPath(NamedTuple):
    """The layers that data go through, one after another.

    Args:
        layers: from the data towards the base, each with a method ``inverse``.
        dtype: the dtype of the points.
        start: a function called with the number of a batch, its points and its context,
            which may be ``None``; it gives the points and the context that the first
            layer sees.
    """

    layers: list
    dtype: tf.DType
    start: Callable = lambda number, x, context: (x, context)

    def after(self, step: Callable) -> "DataPath":
        """The path that follows a ``step`` of all data, a function like ``start``."""

        def start(number, x, context):
            return self.start(number, *step(number, x, context))

        return self._replace(start=start)


@runtime_checkable
class HasDataPaths(Protocol):
    """A distribution, or a bijector, that knows how data reach its layers.

    A bijector has one path.
    """

    def data_paths(self) -> list[DataPath]:
        """The paths, in the order in which their layers are to be adapted."""


@runtime_checkable
class StartsFromData(Protocol):
    """A bijector that starts from data.

    Attributes:
        adapted: whether it has seen them, or weights that have were loaded.
    """

    adapted: bool

    def adapt(self, data: Any) -> None:
        """Start from an array ``[N, D]``, or a ``tf.data.Dataset`` of such batches.

        They are points at the bijector's data side. Where rows have weights, it is
        called with ``sample_weight``, too, an array ``[N]``; or the batches of a stream
        are (x, None, sample_weight).
        """


def data_paths(distribution: Any) -> list[DataPath]:
    """The paths through a distribution, by its own ``data_paths`` if it has them."""
    if isinstance(distribution, HasDataPaths):
        return distribution.data_paths()
    if not is_a(distribution, tfd.TransformedDistribution):
        return []
    bijectors = stages(distribution)[1]
    return [DataPath(path_through(bijectors), distribution.dtype)]


def path_through(bijectors: Sequence) -> list:
    """The layers from the data on, given bijectors in the order of application."""
    layers: list = []
    for bijector in reversed(bijectors):
        if isinstance(bijector, HasDataPaths):
            (path,) = bijector.data_paths()
            layers += path.layers
        else:
            layers.append(bijector)
    return layers
