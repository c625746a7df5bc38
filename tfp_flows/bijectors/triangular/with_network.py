"""A bijector that holds a network: its context, and points as columns."""

from collections.abc import Mapping

import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.variables import as_conditioner, network_of


class WithNetwork(Bijector):
    """A bijector of vectors that evaluates a network, which may take a context.

    To subclass: `Conditioned` and `BlockAutoregressive` do. Inside, points are columns,
    ``[D, N]``: with the batch last the loops over it are contiguous, and dimensions
    are chosen without a copy of each row.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``context`` and the network.
        argument: what the network is called there, and as an attribute.
        event_size: D.
        input_size: how many dimensions the network sees.
        output_size: how many numbers it gives.

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
        event_size: int,
        input_size: int,
        output_size: int,
    ):
        where = f"{type(self).__name__} {parameters['name']!r}"
        context = parameters["context"]
        if context is not None:
            context = tf.convert_to_tensor(context)
            if context.shape.rank == 0:
                raise ValueError(
                    f"{where}: the context must have shape [..., C], but is a scalar."
                )
        network = as_conditioner(
            parameters[argument],
            input_size=input_size,
            output_size=output_size,
            context_size=None if context is None else context.shape[-1],
            where=where,
        )
        self._network = network
        setattr(self, argument, network)
        super().__init__(
            {**parameters, argument: network},
            event_size=event_size,
            dtype=getattr(network, "dtype", None),
        )

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"context": ParameterProperties(event_ndims=1)}

    @property
    def context_size(self) -> int | None:
        """Of the context that the network takes; ``None`` if it takes none."""
        return getattr(network_of(self._network), "context_size", None)

    def _checked(self, x):
        x = super()._checked(x)
        if self.context_size is not None and self.context is None:
            raise ValueError(
                f"{self._where}: its conditioner takes a context of size "
                f"{self.context_size}, but none was given: make the bijector with "
                "context=…, or .copy(context=…)."
            )
        return x

    # The inverse of those whose `_evaluated` gives it with its log-determinant.

    def _evaluated(self, y) -> tuple[tf.Tensor, tf.Tensor]:
        raise NotImplementedError

    def _inverse(self, y):
        x, ildj = self._evaluated(y)
        self._remember_ildj(y, ildj)
        return x

    def _inverse_log_det_jacobian(self, y):
        _x = self.inverse(y)
        known = self._cache.inverse_attributes(y).get("ildj")
        # Unknown where y came from `forward`, which does not evaluate the network at y.
        return self._evaluated(y)[1] if known is None else known

    def _columns(self, x) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Points ``[..., D]`` as columns ``[D, N]``, and the context as rows."""
        rows = [x]
        if self.context is not None:
            context = tf.convert_to_tensor(self.context)
            batch = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(context)[:-1])
            rows = [
                tf.broadcast_to(part, tf.concat([batch, [part.shape[-1]]], axis=0))
                for part in (x, context)
            ]
        flat, *context = (tf.reshape(part, [-1, part.shape[-1]]) for part in rows)
        return tf.transpose(flat), context

    def _batch_shape_of(self, x) -> tf.Tensor:
        batch = tf.shape(x)[:-1]
        if self.context is None:
            return batch
        return tf.broadcast_dynamic_shape(batch, tf.shape(self.context)[:-1])

    def _from_columns(self, columns, x) -> tf.Tensor:
        """Columns ``[D, N]`` as points of the batch shape that ``x`` has."""
        shape = tf.concat([self._batch_shape_of(x), [columns.shape[0]]], axis=0)
        return tf.reshape(tf.transpose(columns), shape)

    def _summed(self, log_slopes, columns, x) -> tf.Tensor:
        """The sum over the dimensions, in the batch shape of the points ``x``."""
        # A transformer's log-determinant may be the same for all points.
        log_slopes = tf.broadcast_to(log_slopes, tf.shape(columns))
        return tf.reshape(tf.reduce_sum(log_slopes, axis=0), self._batch_shape_of(x))
