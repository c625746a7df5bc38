"""The neural autoregressive flow."""

from typing import Unpack

from tfp_flows.bijectors import MonotonicNetwork
from tfp_flows.checks import checked_count
from tfp_flows.flows.layers import layered
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def naf(
    event_size: int,
    *,
    num_layers: int = 5,
    autoregressive: bool = True,
    num_units: int = 16,
    num_transformer_layers: int = 1,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Autoregressive layers, or couplings, by monotonic networks.

    The transformer is `tfp_flows.bijectors.MonotonicNetwork`, a network of positive
    weights for each dimension, all of whose weights the conditioner predicts.
    Densities, and so training, take one pass through the networks and no search; a
    sample searches for the root of each dimension.

    Args:
        num_units: of each layer of the networks that transform a dimension.
        num_transformer_layers: of these: 1 is the deep sigmoidal, 2 or more the dense
            sigmoidal flow.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.naf(2, num_layers=2, seed=0)
    >>> abs(flow.log_prob([[0.0, 0.0]]).numpy() + 1.838) < 0.2  # Near its base.
    array([ True])

    Paper: Huang, Krueger, Lacoste and Courville (2018), Neural autoregressive flows.
    """
    where = "flows.naf: num_transformer_layers"
    num_transformer_layers = checked_count(num_transformer_layers, where)
    spec = MonotonicNetwork.spec(num_units=num_units, num_layers=num_transformer_layers)
    return layered("naf", event_size, spec, num_layers, autoregressive, **options)
