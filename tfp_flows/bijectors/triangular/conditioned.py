"""What coupling and autoregressive layers share: a network predicts the transformer."""

from collections.abc import Mapping, Sequence

from tfp_flows.bijectors.elementwise.elementwise import TransformerSpec
from tfp_flows.bijectors.triangular.with_network import WithNetwork


class Conditioned(WithNetwork):
    """A bijector whose transformer's parameters come from a conditioner.

    To subclass: `Coupling` and `Autoregressive` do.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``conditioner``, ``transformer`` and ``context``.
        event_shape: of a point.
        input_shape: of what the conditioner sees of a point.
        output_shape: of what it gives.

    Raises:
        TypeError: ``conditioner`` is no callable.
        ValueError: a conditioner whose output does not fit the transformer, or a
            context that does not fit the conditioner.
    """

    def __init__(
        self,
        parameters: Mapping,
        *,
        event_shape: Sequence[int],
        input_shape: Sequence[int],
        output_shape: Sequence[int],
    ):
        self.transformer = parameters["transformer"]
        super().__init__(
            parameters,
            "conditioner",
            event_shape=event_shape,
            input_shape=input_shape,
            output_shape=output_shape,
        )


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
