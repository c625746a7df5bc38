"""What coupling and autoregressive layers share: a network predicts the transformer."""

from collections.abc import Mapping

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.bijectors.elementwise.elementwise import TransformerSpec
from tfp_flows.variables import as_conditioner, network_of


class Conditioned(Bijector):
    """A bijector whose transformer's parameters come from a conditioner.

    To subclass: `Coupling` and `Autoregressive` do. Inside, points are columns,
    ``[D, N]``: with the batch last the loops over it are contiguous, and dimensions
    are chosen without a copy of each row.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``conditioner``, ``transformer`` and ``context``.
        event_size: D.
        input_size: how many dimensions the conditioner sees.
        num_transformed: how many dimensions the transformer acts on.

    Raises:
        TypeError: ``transformer`` is no `TransformerSpec`, ``conditioner`` no callable.
        ValueError: a conditioner whose output does not fit the transformer, or a
            context that does not fit the conditioner.
    """

    def __init__(
        self,
        parameters: Mapping,
        *,
        event_size: int,
        input_size: int,
        num_transformed: int,
    ):
        where = f"{type(self).__name__} {parameters['name']!r}"
        self.transformer = checked_transformer(parameters["transformer"], where)
        context = parameters["context"]
        if context is not None:
            context = tf.convert_to_tensor(context)
            if context.shape.rank == 0:
                raise ValueError(
                    f"{where}: the context must have shape [..., C], but is a scalar."
                )
        self.conditioner = as_conditioner(
            parameters["conditioner"],
            input_size=input_size,
            output_size=num_transformed * self.transformer.num_params,
            context_size=None if context is None else context.shape[-1],
            where=where,
        )
        super().__init__(
            {**parameters, "conditioner": self.conditioner},
            event_size=event_size,
            dtype=getattr(self.conditioner, "dtype", None),
        )

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"context": ParameterProperties(event_ndims=1)}

    @property
    def context_size(self) -> int | None:
        """Of the context that the conditioner takes; ``None`` if it takes none."""
        return getattr(network_of(self.conditioner), "context_size", None)

    def _checked(self, x):
        x = super()._checked(x)
        if self.context_size is not None and self.context is None:
            raise ValueError(
                f"{self._where}: its conditioner takes a context of size "
                f"{self.context_size}, but none was given: make the bijector with "
                "context=…, or .copy(context=…)."
            )
        return x

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

    def _transformer_of(self, params, num_transformed: int) -> tfb.Bijector:
        """The transformer of columns ``[num_transformed, N]``.

        Args:
            params: rows, ``[N, num_transformed·K]``.
            num_transformed: how many dimensions they are for.
        """
        shape = [num_transformed, self.transformer.num_params, -1]
        return self.transformer(tf.reshape(tf.transpose(params), shape), axis=1)

    def _summed(self, log_slopes, columns, x) -> tf.Tensor:
        """The sum over the dimensions, in the batch shape of the points ``x``."""
        # A transformer's log-determinant may be the same for all points.
        log_slopes = tf.broadcast_to(log_slopes, tf.shape(columns))
        return tf.reshape(tf.reduce_sum(log_slopes, axis=0), self._batch_shape_of(x))


def checked_transformer(transformer, where: str) -> TransformerSpec:
    """The transformer, if it is a specification.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(transformer, TransformerSpec):
        raise TypeError(
            f"{where}: transformer must be a TransformerSpec such as Affine.spec(), "
            f"but got {transformer!r}."
        )
    return transformer
