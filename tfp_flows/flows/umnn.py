"""The unconstrained monotonic neural network."""

from typing import Unpack

from tfp_flows.bijectors import IntegralNetwork
from tfp_flows.flows.layers import layered
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def umnn(
    event_size: int,
    *,
    num_layers: int = 5,
    autoregressive: bool = True,
    num_units: int = 8,
    low: float = -4.0,
    high: float = 4.0,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Autoregressive layers, or couplings, by integrals of positive networks.

    The transformer is `tfp_flows.bijectors.IntegralNetwork`, the integral of a small
    positive network, all of whose weights the conditioner predicts.
    Densities, and so training, take one pass through the networks and no search; a
    sample searches for the root of each dimension.

    Args:
        num_units: of the networks that are integrated.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.umnn(2, num_layers=2, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Wehenkel and Louppe (2019), Unconstrained monotonic neural networks.
    """
    spec = IntegralNetwork.spec(num_units=num_units, low=low, high=high)
    return layered("umnn", event_size, spec, num_layers, autoregressive, **options)
