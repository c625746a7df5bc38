"""What coupling and autoregressive layers share: a network predicts the transformer."""

from collections.abc import Mapping

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.elementwise.elementwise import TransformerSpec
from tfp_flows.bijectors.triangular.with_network import WithNetwork


class Conditioned(WithNetwork):
    """A bijector whose transformer's parameters come from a conditioner.

    To subclass: `Coupling` and `Autoregressive` do.

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
        super().__init__(
            parameters,
            "conditioner",
            event_size=event_size,
            input_size=input_size,
            output_size=num_transformed * self.transformer.num_params,
        )

    def _transformer_of(self, params, num_transformed: int) -> tfb.Bijector:
        """The transformer of columns ``[num_transformed, N]``.

        Args:
            params: rows, ``[N, num_transformed·K]``.
            num_transformed: how many dimensions they are for.
        """
        shape = [num_transformed, self.transformer.num_params, -1]
        return self.transformer(tf.reshape(tf.transpose(params), shape), axis=1)


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
