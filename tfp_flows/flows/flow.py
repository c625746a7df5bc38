"""What all ready-made flows share: the base, the order, the direction."""

import functools
from collections.abc import Callable, Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import distributions
from tfp_flows.bijectors import (
    Autoregressive,
    Chain,
    Conditional,
    Coupling,
    Invert,
    TransformerSpec,
)
from tfp_flows.checks import checked_count
from tfp_flows.conditioners import MADE, MLP, Conditioner
from tfp_flows.distributions import Family, StandardNormal
from tfp_flows.math import split_seed

# Conditional if it was given a context_size.
Flow = distributions.Flow | Family

# As `make(event_size, seed=…, dtype=…)`.
MakeBijector = Callable[..., tfb.Bijector]
MakePermutation = MakeBijector

# As `make(event_size, order=…, context_size=…, seed=…, dtype=…)`.
MakeNetwork = Callable[..., Conditioner]


def make_flow(
    layers: Sequence[tfb.Bijector],
    *,
    event_size: int,
    base: tfd.Distribution | None,
    context_size: int | None,
    dtype,
    name: str,
) -> Flow:
    """The distribution of ``base`` sent through ``layers``, the first one first.

    Args:
        layers: in the order base → data, the reverse of ``tfb.Chain``'s list.
        event_size: D.
        base: ``None`` for a standard normal.
        context_size: what the layers take; ``None`` if they take no context.
        dtype: of the flow.
        name: of the flow.

    Raises:
        ValueError: ``base`` has another event shape than ``[D]``.
        TypeError: ``base`` has another dtype.
    """
    dtype = flow_dtype(dtype, name)
    if base is not None and not isinstance(base, tfd.Distribution):
        raise TypeError(
            f"flows.{name}: the base must be a tfd.Distribution, but got {base!r}."
        )
    if base is None:
        base = StandardNormal(event_size, dtype)
    if not base.event_shape.is_compatible_with([event_size]):
        raise ValueError(
            f"flows.{name}: the base must have event shape [{event_size}], but "
            f"{base.name!r} has {base.event_shape}."
        )
    if base.dtype != dtype:
        raise TypeError(
            f"flows.{name}: the flow is {dtype.name}, but the base {base.name!r} is "
            f"{base.dtype.name}."
        )
    chain = Chain(list(reversed(layers)), name=name)
    flow = distributions.Flow(base, chain, name=name)
    return flow if context_size is None else Family(flow)


def make_layers(
    make_layer: Callable[[int, int], tfb.Bijector],
    *,
    num_layers: int,
    seed: int | None,
    name: str,
) -> list[tfb.Bijector]:
    """``make_layer(index, seed)`` for each layer.

    Raises:
        TypeError: ``num_layers`` is no integer.
        ValueError: ``num_layers`` is less than 1.
    """
    num_layers = checked_count(num_layers, f"flows.{name}: num_layers")
    return [make_layer(i, s) for i, s in enumerate(split_seed(seed, num_layers))]


Direction = Literal["log_prob", "sample"]


def repeat(
    make_one: MakeBijector,
    event_size: int,
    *,
    num_layers: int,
    fast: Direction,
    context_size: int | None,
    hidden_units: Sequence[int],
    activation,
    base: tfd.Distribution | None,
    seed: int | None,
    dtype,
    name: str,
) -> Flow:
    """A flow of trainable bijectors of one kind, ``forward`` serving ``fast``.

    Given a context, an MLP of ``hidden_units`` predicts what it adds to their
    parameters.

    Raises:
        ValueError: ``fast`` is neither of the two; as `make_layers` and `make_flow`.
    """
    if fast not in ("log_prob", "sample"):
        raise ValueError(
            f"flows.{name}: fast must be 'log_prob' or 'sample', but got {fast!r}."
        )

    own_dtype = flow_dtype(dtype, name)

    def make_layer(_, layer_seed: int) -> tfb.Bijector:
        layer = make_one(event_size, seed=layer_seed, dtype=own_dtype)
        if context_size is not None:
            network = MLP(
                hidden_units, activation=activation, seed=layer_seed, dtype=dtype
            )
            layer = Conditional(layer, network, context_size)
        return Invert(layer) if fast == "log_prob" else layer

    layers = make_layers(make_layer, num_layers=num_layers, seed=seed, name=name)
    return make_flow(
        layers,
        event_size=event_size,
        base=base,
        context_size=context_size,
        dtype=dtype,
        name=name,
    )


def half_mask(event_size: int, turn: int, name: str) -> np.ndarray:
    """The mask of a coupling: at turn 0 the first half passes through, at 1 the second.

    Raises:
        TypeError: an event size that is no integer.
        ValueError: an event of size 1 cannot be split.
    """
    if checked_count(event_size, f"flows.{name}: event_size") < 2:
        raise ValueError(
            f"flows.{name}: a coupling splits the event in two, so event_size must be "
            f"2 or more, but got {event_size}."
        )
    first = np.arange(event_size) < (event_size + 1) // 2
    return ~first if turn else first


def coupling_flow(
    transformer: TransformerSpec,
    *,
    event_size: int,
    num_layers: int,
    hidden_units: Sequence[int],
    activation,
    context_size: int | None,
    permutation: MakePermutation | None,
    base: tfd.Distribution | None,
    seed: int | None,
    dtype,
    name: str,
    last: Sequence[tfb.Bijector] = (),
) -> Flow:
    """Couplings with a multi-layer perceptron each.

    Without a permutation the halves of the event take turns.

    Args:
        transformer: of each coupling.
        event_size: D.
        num_layers: how many couplings.
        hidden_units: width of each hidden layer of each network.
        activation: of the hidden layers.
        context_size: of the context that each network sees; ``None`` for none.
        permutation: as for `with_permutations`.
        base: as for `make_flow`.
        seed: of the initial weights.
        dtype: as for `flow_dtype`.
        name: of the flow.
        last: bijectors after the couplings.

    Raises:
        ValueError, TypeError: as `make_layers`, `half_mask` and `make_flow`.
    """
    own_dtype = flow_dtype(dtype, name)

    def make_layer(index: int, layer_seed: int) -> tfb.Bijector:
        network = MLP(
            hidden_units,
            context_size=context_size,
            activation=activation,
            seed=layer_seed,
            dtype=dtype,
        )
        turn = index % 2 if permutation is None else 0
        return Coupling(network, transformer, half_mask(event_size, turn, name))

    layers = make_layers(make_layer, num_layers=num_layers, seed=seed, name=name)
    layers = with_permutations(
        layers,
        permutation,
        event_size=event_size,
        seed=seed,
        dtype=own_dtype,
        name=name,
    )
    return make_flow(
        [*layers, *last],
        event_size=event_size,
        base=base,
        context_size=context_size,
        dtype=dtype,
        name=name,
    )


def autoregressive_flow(
    transformer: TransformerSpec,
    *,
    event_size: int,
    num_layers: int,
    make_network: MakeNetwork | None = None,
    hidden_units: Sequence[int] = (64, 64),
    activation="silu",
    context_size: int | None,
    permutation: MakePermutation | None,
    base: tfd.Distribution | None,
    seed: int | None,
    dtype,
    name: str,
    wrap: Callable[[tfb.Bijector], tfb.Bijector] = lambda layer: layer,
    last: Sequence[tfb.Bijector] = (),
) -> Flow:
    """Autoregressive layers with a network each.

    Without a permutation one order and the opposite take turns.

    Args:
        transformer: of each layer.
        event_size: D.
        num_layers: how many layers.
        make_network: makes the conditioner of a layer; for a MADE of ``hidden_units``
            and ``activation`` if not given.
        hidden_units: width of each hidden layer of each MADE.
        activation: of the hidden layers.
        context_size: of the context that each network sees; ``None`` for none.
        permutation: as for `with_permutations`.
        base: as for `make_flow`.
        seed: of the initial weights.
        dtype: as for `flow_dtype`.
        name: of the flow.
        wrap: what each layer is wrapped in, such as ``tfb.Invert``.
        last: bijectors after the layers.

    Raises:
        ValueError, TypeError: as `make_layers`, `make_flow` and the network.
    """
    own_dtype = flow_dtype(dtype, name)

    size = checked_count(event_size, f"flows.{name}: event_size")
    if make_network is None:
        make_network = functools.partial(
            MADE, hidden_units=hidden_units, activation=activation
        )

    def make_layer(index: int, layer_seed: int) -> tfb.Bijector:
        backwards = permutation is None and index % 2
        network = make_network(
            size,
            order=range(size)[::-1] if backwards else None,
            context_size=context_size,
            seed=layer_seed,
            dtype=dtype,
        )
        return wrap(Autoregressive(network, transformer))

    layers = make_layers(make_layer, num_layers=num_layers, seed=seed, name=name)
    layers = with_permutations(
        layers,
        permutation,
        event_size=event_size,
        seed=seed,
        dtype=own_dtype,
        name=name,
    )
    return make_flow(
        [*layers, *last],
        event_size=event_size,
        base=base,
        context_size=context_size,
        dtype=dtype,
        name=name,
    )


def with_permutations(
    layers: Sequence[tfb.Bijector],
    permutation: MakePermutation | None,
    *,
    event_size: int,
    seed: int | None,
    dtype,
    name: str,
) -> list[tfb.Bijector]:
    """The layers with a new permutation, or another linear map, between each two.

    Args:
        layers: of the flow.
        permutation: a function that makes a bijector, called as
            ``permutation(event_size, seed=…, dtype=…)``: ``Permutation.reverse``,
            ``Permutation.random``, ``LULinear.trainable`` and the like, or one of the
            user's own. ``None`` for none: then the layers take turns by themselves.
        event_size: D.
        seed: of the permutations.
        dtype: of the flow.
        name: of the flow.

    Raises:
        TypeError: ``permutation`` is no function, or does not give a bijector.
    """
    if permutation is None:
        return list(layers)
    require_maker(permutation, f"flows.{name}: permutation")
    # Seeds of their own, not those of the layers.
    seeds = split_seed(split_seed(seed, 2)[1], len(layers))
    found = [layers[0]]
    for layer, own_seed in zip(layers[1:], seeds, strict=False):
        between = made_by(
            permutation,
            event_size,
            seed=own_seed,
            dtype=dtype,
            where=f"flows.{name}: permutation",
        )
        found += [between, layer]
    return found


def require_maker(make, where: str) -> None:
    """Refuses what is no function that makes a bijector.

    Raises:
        TypeError: naming the argument ``where``, and what came.
    """
    if not callable(make) or isinstance(make, tfb.Bijector):
        raise TypeError(
            f"{where} must be a function that makes a bijector, such as "
            f"Permutation.random or LULinear.trainable, but got {make!r}."
        )


def made_by(
    make: MakeBijector, event_size: int, *, seed: int, dtype, where: str
) -> tfb.Bijector:
    """``make(event_size, seed=…, dtype=…)``.

    Raises:
        TypeError: it does not give a bijector.
    """
    made = make(event_size, seed=seed, dtype=dtype)
    if not isinstance(made, tfb.Bijector):
        raise TypeError(f"{where} must give a bijector, but gave {made!r}.")
    return made


def flow_dtype(dtype, name: str) -> tf.DType:
    """The dtype of a flow whose networks have this dtype or Keras dtype policy.

    Under ``"mixed_bfloat16"`` the networks compute in bfloat16; weights, points and
    log-determinants are float32.

    Raises:
        TypeError: not floating.
        ValueError: no dtype, and no policy that Keras knows.
    """
    if isinstance(dtype, tf.DType | type):
        dtype = tf.as_dtype(dtype).name
    found = tf.as_dtype(keras.dtype_policies.get(dtype).variable_dtype)
    if not found.is_floating:
        raise TypeError(f"flows.{name}: dtype must be floating, but got {dtype}.")
    return found
