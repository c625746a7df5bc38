"""A bijector that holds a network: its context, and points as rows or columns."""

import abc
from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar

import tensorflow as tf

from tfp_flows.bijectors import shared_programs
from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.bijectors.elementwise.transformer_spec import Direction
from tfp_flows.bijectors.network_door import as_network, declared_by
from tfp_flows.checks import checked_flag
from tfp_flows.variables import (
    KerasModule,
    NoStructureError,
    network_of,
    structure_of,
)


class Networked(Bijector):
    """A bijector that evaluates a network, which may take a context.

    To subclass: `Coupling`, `Autoregressive` and `BlockAutoregressive` do, by
    `arithmetic`, which a program of all layers of equal structure may evaluate. Inside,
    points are rows, ``[N, *event_shape]``, or where they are vectors columns,
    ``[D, N]``: with the batch last the loops over it are contiguous, and dimensions are
    chosen without a copy of each row.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``context`` and the network.
        argument: the name of the network there, and as an attribute.
        event_shape: the shape of a point.
        input_shape: the shape of one input of the network.
        output_shape: the shape of one output of it.

    Raises:
        TypeError: the network is no callable.
        ValueError: a network whose output has another size, or a context that does
            not fit the network.
    """

    def __init__(
        self,
        parameters: Mapping,
        argument: str,
        *,
        event_shape: Sequence[int],
        input_shape: Sequence[int],
        output_shape: Sequence[int],
    ):
        where = f"{type(self).__name__} {parameters['name']!r}"
        context = parameters["context"]
        if context is not None:
            context = tf.convert_to_tensor(context)
            if context.shape.rank == 0:
                raise ValueError(
                    f"{where}: the context must have shape [..., C], but got a scalar."
                )
        context_size = None if context is None else context.shape[-1]
        network = as_network(
            parameters[argument],
            input_shape=input_shape,
            output_shape=output_shape,
            context_size=context_size,
            where=where,
        )
        self._context_size = declared_by(network, context_size).context_size
        setattr(self, argument, network)
        self._argument = argument
        self._recompute = parameters.get("recompute", False)
        if checked_flag(self._recompute, f"{where}: recompute"):
            _require_repeatable(network, where)
        self._takes_context = self.context_size is not None
        super().__init__(
            {**parameters, argument: network},
            event_shape=event_shape,
            dtype=network.dtype if isinstance(network, KerasModule) else None,
        )

    # Directions that are loops, whose tensors do not all leave an XLA program.
    sequential: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"context": ParameterProperties(event_ndims=1)}

    @property
    def context_size(self) -> int | None:
        """The size of the context that the network takes; ``None`` if it takes none."""
        return self._context_size

    # Of rows; `Coupling`, which splits them first, has its own.

    def _forward_and_log_det(self, x):
        return self._evaluated(x, "forward")

    def _inverse_and_log_det(self, y):
        return self._evaluated(y, "inverse")

    def _evaluated(self, x, direction):
        rows, context = self._rows(x)
        points = [(part, 0) for part in (rows, *context)]
        return self._from_rows(x, *self._by_program(direction, points))

    def recomputes(self, direction: Direction) -> bool:
        """Tell whether gradients compute the network's units anew, not keep them."""
        return self._recompute and direction not in self.sequential

    def program_apart(self, direction: Direction) -> Hashable | None:
        """Give what layers that share a compiled program have in common.

        ``None`` where there is no such program; see `shared_programs.apart`.
        """
        return shared_programs.common_structure(
            self, getattr(self, self._argument), direction, is_compiled=True
        )

    def _by_program(self, direction, points):
        return shared_programs.evaluate(
            self, getattr(self, self._argument), direction, points
        )

    @abc.abstractmethod
    def arithmetic(
        self, direction: Direction, *points: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Give the image and log-determinants of points, in a direction.

        A function of the points, the network's weights and the `structure` alone.
        """

    @abc.abstractmethod
    def structure(self, direction: Direction) -> Hashable:
        """Give all that `arithmetic` depends on, but for points and weights.

        Raises:
            NoStructureError: it depends on something that is not known.
        """

    def _rows(self, x) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Points ``[..., *event_shape]`` as rows ``[N, *event_shape]``, and contexts.

        The list has the contexts ``[N, C]``, or nothing.
        """
        rank = x.shape.rank - self.forward_min_event_ndims
        event = x.shape[rank:]
        if self.context is None:
            if self._takes_context:
                raise ValueError(
                    f"{self._where}: its conditioner takes a context of size "
                    f"{self.context_size}, but got none: make the bijector with "
                    "context=…, or .copy(context=…)."
                )
            return (x if rank == 1 else tf.reshape(x, [-1, *event])), []
        context = tf.convert_to_tensor(self.context)
        batch = self._batch_shape_of(x)
        x, context = (
            tf.reshape(tf.broadcast_to(part, tf.concat([batch, last], 0)), [-1, *last])
            for part, last in ((x, event), (context, context.shape[-1:]))
        )
        return x, [context]

    def _from_rows(self, x, *rows) -> tuple[tf.Tensor, ...]:
        """Rows as points, or as numbers, of the batch shape that ``x`` has."""
        if self.context is None and x.shape.rank == 1 + self.forward_min_event_ndims:
            return rows
        batch = self._batch_shape_of(x)
        return tuple(
            tf.reshape(part, tf.concat([batch, tf.shape(part)[1:]], axis=0))
            for part in rows
        )

    def _batch_shape_of(self, x) -> tf.Tensor:
        batch = tf.shape(x)[: x.shape.rank - self.forward_min_event_ndims]
        if self.context is None:
            return batch
        return tf.broadcast_dynamic_shape(batch, tf.shape(self.context)[:-1])

    @staticmethod
    def _sum(log_slopes, columns) -> tf.Tensor:
        """The sum over the dimensions of each point, ``[N]``."""
        # A transformer's log-determinant may be the same for all points.
        log_slopes = tf.broadcast_to(log_slopes, tf.shape(columns))
        return tf.reduce_sum(log_slopes, axis=0)


def _require_repeatable(network, where: str) -> None:
    """Refuse a network that may give something else when it is evaluated again."""
    try:
        structure_of(network_of(network))
    except NoStructureError:
        raise ValueError(
            f"{where}: recompute=True evaluates the network twice, so its output must "
            "depend on its inputs and weights alone: use one of tfp_flows.networks "
            "with an activation of Keras's, or a networks.Network of your own that "
            f"says shares_programs = True, but got {network_of(network)!r}."
        ) from None
