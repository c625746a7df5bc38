"""The assembly of a ready-made flow from its layers."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Chain
from tfp_flows.bijectors.with_conditioner import (
    ConditionerInput,
    checked_conditioner_input,
)
from tfp_flows.checks import checked_count, checked_counts, checked_flag
from tfp_flows.distributions import Family, Flow, StandardNormal
from tfp_flows.flows.options import Activation, DType, FlowOrFamily, MakeBijector
from tfp_flows.networks.activation import as_activation
from tfp_flows.random_state import Seed, as_integer, split_seed
from tfp_flows.variables import as_policy, dtype_mistake

# Called as ``make_layer(index, seed)``.
MakeLayer = Callable[[int, int], tfb.Bijector]


@dataclasses.dataclass
class Assembly:
    """Make a flow's layers, the permutations between them, and the flow.

    The defaults of its fields are those of all ready-made flows.

    Args:
        name: of the flow, which messages begin with.
        event_size: as in `ARGUMENTS`, and so on.

    Raises:
        ValueError, TypeError: as in `ERRORS`.
    """

    name: str
    event_size: int
    hidden_units: Sequence[int] | None = None
    activation: Activation = "silu"
    permutation: MakeBijector | None = None
    recompute: bool = False
    conditioner_input: ConditionerInput = "tapered"
    context_size: int | None = None
    base: tfd.Distribution | None = None
    seed: Seed = None
    dtype: DType = "float32"

    def __post_init__(self):
        self.where = f"flows.{self.name}"
        self.seed = as_integer(self.seed, f"{self.where}: seed")
        self.variable_dtype = _variable_dtype(self.dtype, self.where)
        self.event_size = checked_count(self.event_size, f"{self.where}: event_size")
        # Here, for some flows have networks only where there is a context.
        if self.hidden_units is not None:
            where = f"{self.where}: hidden_units"
            self.hidden_units = checked_counts(self.hidden_units, where)
        as_activation(self.activation, self.where)
        checked_flag(self.recompute, f"{self.where}: recompute")
        checked_conditioner_input(self.conditioner_input, self.where)
        if self.permutation is not None:
            require_maker(self.permutation, f"{self.where}: permutation")
        if self.base is None:
            self.base = StandardNormal(self.event_size, self.variable_dtype)
        self._require_fitting_base()

    @property
    def network_options(self) -> dict:
        """The arguments of every network of the flow."""
        return {"context_size": self.context_size, "dtype": self.dtype}

    @property
    def perceptron_options(self) -> dict:
        """The arguments of every multi-layer perceptron of the flow."""
        chosen = (
            {} if self.hidden_units is None else {"hidden_units": self.hidden_units}
        )
        return {"activation": self.activation, "dtype": self.dtype, **chosen}

    @property
    def layer_options(self) -> dict:
        """The arguments of every coupling and autoregressive layer of the flow."""
        return {
            "recompute": self.recompute,
            "conditioner_input": self.conditioner_input,
        }

    def parity(self, index: int) -> int:
        """1 for every other layer, which takes the other half.

        0 for all where permutations stand between them.
        """
        return index % 2 if self.permutation is None else 0

    def layers(
        self,
        make_layer: MakeLayer,
        num_layers: int,
        argument: str = "num_layers",
        permutation: MakeBijector | None = None,
    ) -> list[tfb.Bijector]:
        """Call ``make_layer(index, seed)`` for each layer; put permutations between.

        Args:
            make_layer: makes a layer.
            num_layers: how many layers, without the permutations.
            argument: the name that the flow has for this number.
            permutation: makes what comes between if the user chose nothing.

        Raises:
            TypeError: a number that is no integer.
            ValueError: a number below 1.
        """
        num_layers = checked_count(num_layers, f"{self.where}: {argument}")
        layers = [
            make_layer(index, seed)
            for index, seed in enumerate(split_seed(self.seed, num_layers))
        ]
        make_between = permutation if self.permutation is None else self.permutation
        if make_between is None:
            return layers
        alternating = [layers[0]]
        # Seeds of their own, not those of the layers.
        seeds = split_seed(split_seed(self.seed, 2)[1], num_layers)
        where = f"{self.where}: permutation"
        for layer, seed in zip(layers[1:], seeds, strict=False):
            between = made_by(
                make_between, self.event_size, seed, self.variable_dtype, where
            )
            alternating += [between, layer]
        return alternating

    def flow(self, layers: Sequence[tfb.Bijector]) -> FlowOrFamily:
        """Make the flow: the base sent through the layers, the first one first.

        Args:
            layers: in the order base → data, the reverse of ``tfb.Chain``'s list.
        """
        chain = Chain(list(reversed(layers)), name=self.name)
        flow = Flow(self.base, chain, name=self.name)
        return flow if self.context_size is None else Family(flow)

    def _require_fitting_base(self) -> None:
        base, where = self.base, self.where
        if not isinstance(base, tfd.Distribution):
            raise TypeError(
                f"{where}: the base must be a tfd.Distribution, but got {base!r}."
            )
        if not base.event_shape.is_compatible_with([self.event_size]):
            raise ValueError(
                f"{where}: the base must have event shape [{self.event_size}], but "
                f"{base.name!r} has {base.event_shape}."
            )
        if base.dtype != self.variable_dtype:
            raise TypeError(
                f"{where}: the flow is {self.variable_dtype.name}, but the base "
                f"{base.name!r} is {base.dtype.name}."
            )


def require_maker(make: Any, where: str) -> None:
    """Refuse what is no function that makes a bijector.

    Raises:
        TypeError: naming the argument ``where``, and what came.
    """
    if not callable(make) or isinstance(make, tfb.Bijector):
        raise TypeError(
            f"{where} must be a function that makes a bijector, such as "
            f"Permutation.random or LULinear.trainable, but got {make!r}."
        )


def made_by(
    make: MakeBijector, event_size: int, seed: int, dtype: tf.DType, where: str
) -> tfb.Bijector:
    """Call a user's function ``make(event_size, seed=…, dtype=…)``, and check it.

    Raises:
        TypeError: it does not give a bijector.
    """
    bijector = make(event_size, seed=seed, dtype=dtype)
    if not isinstance(bijector, tfb.Bijector):
        raise TypeError(f"{where} must give a bijector, but got {bijector!r}.")
    return bijector


def _variable_dtype(dtype: DType, where: str) -> tf.DType:
    """The dtype of weights, points and log-determinants.

    Under ``"mixed_bfloat16"`` networks compute in bfloat16, and these are float32.
    """
    policy = as_policy(dtype, where)
    variable_dtype = tf.as_dtype(policy.variable_dtype)
    # In float16 gradients underflow, and ordinary points have a log-density of −∞.
    is_float16 = policy.compute_dtype == "float16"
    if variable_dtype not in (tf.float32, tf.float64) or is_float16:
        raise dtype_mistake(dtype, where)
    return variable_dtype
