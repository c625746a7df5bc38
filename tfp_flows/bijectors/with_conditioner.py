"""A layer whose transformer has its parameters from a conditioner."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import tensorflow as tf

from tfp_flows.bijectors.elementwise.transformer_spec import Direction, TransformerSpec
from tfp_flows.bijectors.networked import Networked
from tfp_flows.math import taper, untaper
from tfp_flows.variables import structure_of

ConditionerInput: TypeAlias = Literal["tapered"] | None


class WithConditioner(Networked):
    """What `Coupling` and `Autoregressive` share: parameters θ(q(x)) of a transformer.

    The conditioner sees q(x), ``"tapered"``, in place of x. Rows that lie between the
    data, or outside them, come out of a layer that was fitted hard some standard
    deviations away; the next conditioner would extrapolate from there, and so on, each
    layer many times further. The transformer still acts on x, so that the layer is a
    bijection as before, and its log-determinant the same formula.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``conditioner``, ``transformer``, ``context`` and
            ``conditioner_input``.
        event_shape: the shape of a point.
        input_shape: the shape of one input of the conditioner.
        output_shape: the shape of one output of it.

    Raises:
        ValueError: a ``conditioner_input`` that is not known; what `Networked` raises.
        TypeError: what `Networked` raises.
    """

    # Files written before the argument was there mean this.
    absent_in_files: ClassVar[Mapping[str, Any]] = {"conditioner_input": None}

    conditioner: Any
    transformer: TransformerSpec

    def __init__(
        self,
        parameters: Mapping,
        *,
        event_shape: Sequence[int],
        input_shape: Sequence[int],
        output_shape: Sequence[int],
    ):
        where = f"{type(self).__name__} {parameters['name']!r}"
        self.conditioner_input = checked_conditioner_input(
            parameters["conditioner_input"], where
        )
        super().__init__(
            parameters,
            "conditioner",
            event_shape=event_shape,
            input_shape=input_shape,
            output_shape=output_shape,
        )

    def _seen(self, x) -> tf.Tensor:
        """The conditioner's input, q(x)."""
        return x if self.conditioner_input is None else taper(x)

    def _unseen(self, seen) -> tf.Tensor:
        """The x of which the conditioner sees q(x)."""
        return seen if self.conditioner_input is None else untaper(seen)

    def structure(self, direction: Direction) -> Hashable:
        """Give all that `arithmetic` depends on, but for points and weights."""
        self.transformer.require_closed(direction)
        return self.conditioner_input, structure_of(self.transformer)


def checked_conditioner_input(value: Any, where: str) -> ConditionerInput:
    """``"tapered"`` or ``None``.

    Raises:
        ValueError: anything else.
    """
    if value is None:
        return None
    if isinstance(value, str) and value == "tapered":
        return "tapered"
    raise ValueError(
        f"{where}: conditioner_input must be 'tapered', or None for the points as they "
        f"are, but got {value!r}."
    )


def checked_transformer(transformer: Any, where: str) -> TransformerSpec:
    """The transformer, if it is a specification.

    Raises:
        TypeError: it is no specification.
    """
    if not isinstance(transformer, TransformerSpec):
        raise TypeError(
            f"{where}: transformer must be a TransformerSpec such as Affine.spec(), "
            f"but got {transformer!r}."
        )
    return transformer
