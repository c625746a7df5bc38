"""Flows of couplings or autoregressive layers, with any transformer."""

from typing import Unpack

from tfp_flows.bijectors import TransformerSpec
from tfp_flows.flows.layers import MakeNetwork, autoregressive_flow, coupling_flow
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def coupling(
    event_size: int,
    transformer: TransformerSpec,
    *,
    num_layers: int = 8,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Couplings with any transformer, by multi-layer perceptrons.

    Each layer is `tfp_flows.bijectors.Coupling` with a `tfp_flows.conditioners.MLP`;
    both directions cost one pass through the networks, besides the transformer.

    Args:
        transformer: of each layer, a `TransformerSpec`, as it is;
            ``.fast("log_prob")`` of it turns its fast direction to the densities.

    >>> import tfp_flows
    >>> spline = tfp_flows.bijectors.CircularRationalQuadraticSpline.spec(num_bins=4)
    >>> flow = tfp_flows.flows.coupling(2, spline.fast("log_prob"), seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)
    """
    return coupling_flow("coupling", event_size, transformer, num_layers, **options)


@ready_made
def autoregressive(
    event_size: int,
    transformer: TransformerSpec,
    *,
    num_layers: int = 5,
    network: MakeNetwork | None = None,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Autoregressive layers with any transformer and any network.

    Each layer is `tfp_flows.bijectors.Autoregressive`. ``log_prob`` is one evaluation
    of each network, besides the transformer; sampling goes one dimension after another,
    at about one to three evaluations with most networks.

    Args:
        transformer: of each layer, a `TransformerSpec`, as it is;
            ``.fast("log_prob")`` of it turns its fast direction to the densities.
        network: makes the network of a layer, called with the event size, ``order``,
            ``context_size``, ``seed`` and ``dtype``:
            ``functools.partial(WaveNet, filters=8)`` and the like. If not given, a
            `tfp_flows.conditioners.MADE` of ``hidden_units`` and ``activation``, which
            no other network may be given together with.

    >>> import tfp_flows
    >>> spline = tfp_flows.bijectors.LinearSpline.spec(num_bins=4)
    >>> flow = tfp_flows.flows.autoregressive(2, spline.fast("log_prob"), seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)
    """
    if network is not None and (lost := {"hidden_units", "activation"} & set(options)):
        raise TypeError(
            "flows.autoregressive: hidden_units and activation are of the MADE that is "
            f"made if network is not given, but got both network and {sorted(lost)}: "
            "give them to the network, by functools.partial."
        )
    return autoregressive_flow(
        "autoregressive", event_size, transformer, num_layers, network, **options
    )
