"""The layers of ready-made flows, made with what an `Assembly` knows."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Unpack

import keras
import numpy as np
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import (
    Autoregressive,
    Conditional,
    Coupling,
    Permutation,
    TransformerSpec,
)
from tfp_flows.checks import checked_flag
from tfp_flows.conditioners import MADE, MLP, Conditioner
from tfp_flows.flows.assembly import Assembly, MakeLayer
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions

# Called as ``network(event_size, order=…, context_size=…, seed=…, dtype=…)``.
MakeNetwork = Callable[..., Conditioner]

# What an error names in place of a flow of couplings that has no such choice.
_FOR_ONE_DIMENSION = "flows.maf(1), flows.nsf(1, autoregressive=True)"


def layered(
    name: str,
    event_size: int,
    transformer: TransformerSpec,
    num_layers: int,
    autoregressive: bool,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Make a flow of autoregressive layers or of couplings, with fast densities."""
    is_masked = checked_flag(autoregressive, f"flows.{name}: autoregressive")
    spec = transformer.fast("log_prob")
    if is_masked:
        return autoregressive_flow(name, event_size, spec, num_layers, **options)
    alternative = f"flows.{name}({event_size}, autoregressive=True)"
    return coupling_flow(name, event_size, spec, num_layers, alternative, **options)


def coupling_flow(
    name: str,
    event_size: int,
    transformer: TransformerSpec,
    num_layers: int,
    for_one_dimension: str = _FOR_ONE_DIMENSION,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Make a flow of couplings; an error names another flow, for one dimension."""
    assembly = Assembly(name, event_size, **options)
    make_layer = coupling_layer(assembly, transformer, for_one_dimension)
    layers = assembly.layers(make_layer, num_layers)
    return assembly.flow(layers)


def autoregressive_flow(
    name: str,
    event_size: int,
    transformer: TransformerSpec,
    num_layers: int,
    network: MakeNetwork | None = None,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Make a flow of autoregressive layers; see `autoregressive_layer`."""
    assembly = Assembly(name, event_size, **options)
    make_layer = autoregressive_layer(assembly, transformer, network)
    # All networks in one order: their layers are of one structure then.
    layers = assembly.layers(make_layer, num_layers, permutation=Permutation.reverse)
    return assembly.flow(layers)


def coupling_layer(
    assembly: Assembly,
    transformer: TransformerSpec,
    for_one_dimension: str = _FOR_ONE_DIMENSION,
) -> MakeLayer:
    """Give a function that makes couplings with a multi-layer perceptron each.

    Raises:
        ValueError: an event of size 1, which cannot be split.
    """
    size = assembly.event_size
    if size < 2:
        raise ValueError(
            f"{assembly.where}: a coupling splits the event in two, so event_size must "
            f"be 2 or more, but got {size}. Autoregressive layers take one dimension: "
            f"{for_one_dimension}."
        )
    first_half = np.arange(size) < (size + 1) // 2

    def make_layer(index: int, seed: int) -> Coupling:
        network = MLP(
            context_size=assembly.context_size,
            seed=seed,
            **assembly.perceptron_options,
        )
        mask = ~first_half if assembly.parity(index) else first_half
        return Coupling(network, transformer, mask, **assembly.layer_options)

    return make_layer


def autoregressive_layer(
    assembly: Assembly,
    transformer: TransformerSpec,
    network: MakeNetwork | None = None,
) -> MakeLayer:
    """Give a function that makes autoregressive layers with a network each.

    Args:
        assembly: of the flow.
        transformer: of each layer.
        network: makes the conditioner of a layer; a MADE if not given.
    """
    default = functools.partial(
        MADE, hidden_units=assembly.hidden_units, activation=assembly.activation
    )
    make_network = (
        default if network is None else _checked_maker(network, assembly.where)
    )

    def make_layer(index: int, seed: int) -> Autoregressive:
        conditioner = make_network(
            assembly.event_size,
            order=None,
            seed=seed,
            **assembly.network_options,
        )
        if not isinstance(conditioner, Conditioner):
            raise TypeError(
                f"{assembly.where}: network must make a conditioners.Conditioner, but "
                f"got {conditioner!r}."
            )
        return Autoregressive(conditioner, transformer, **assembly.layer_options)

    return make_layer


def _checked_maker(network, where: str) -> MakeNetwork:
    arguments: Mapping[str, inspect.Parameter] = {}
    if callable(network) and not isinstance(network, keras.Layer):
        arguments = inspect.signature(network).parameters
    kinds = {argument.kind for argument in arguments.values()}
    takes_order = "order" in arguments or inspect.Parameter.VAR_KEYWORD in kinds
    is_foreign = isinstance(network, type) and not issubclass(network, Conditioner)
    if is_foreign or not takes_order:
        raise TypeError(
            f"{where}: network must be a function that makes a conditioner, called as "
            "network(event_size, order=…, context_size=…, seed=…, dtype=…), such as "
            f"the class conditioners.MADE, but got {network!r}."
        )
    return network


def conditional(assembly: Assembly, layer: tfb.Bijector, seed: int) -> tfb.Bijector:
    """Give a layer whose parameters a network changes if there is a context."""
    if assembly.context_size is None:
        return layer
    network = MLP(seed=seed, **assembly.perceptron_options)
    return Conditional(layer, network, assembly.context_size)
