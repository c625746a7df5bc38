"""Flows that repeat a trainable bijector."""

from typing import Unpack

from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import Invert
from tfp_flows.bijectors.elementwise.transformer_spec import Use
from tfp_flows.flows.assembly import Assembly
from tfp_flows.flows.layers import conditional
from tfp_flows.flows.options import FlowOrFamily, MakeBijector, NetworkOptions


def repeated(
    name: str,
    event_size: int,
    make_one: MakeBijector,
    num_layers: int,
    fast: Use,
    **options: Unpack[NetworkOptions],
) -> FlowOrFamily:
    """Make a flow of trainable bijectors of one kind; ``forward`` serves ``fast``.

    Given a context, a network predicts what is added to their parameters.

    Raises:
        ValueError: ``fast`` is neither ``"log_prob"`` nor ``"sample"``.
    """
    assembly = Assembly(name, event_size, **options)
    if fast not in ("log_prob", "sample"):
        raise ValueError(
            f"{assembly.where}: fast must be 'log_prob' or 'sample', but got {fast!r}."
        )

    def make_layer(_, seed: int) -> tfb.Bijector:
        layer = make_one(assembly.event_size, seed=seed, dtype=assembly.variable_dtype)
        layer = conditional(assembly, layer, seed)
        return Invert(layer) if fast == "log_prob" else layer

    return assembly.flow(assembly.layers(make_layer, num_layers))
