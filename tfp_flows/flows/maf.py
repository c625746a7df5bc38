"""The masked autoregressive flow."""

from typing import Unpack

from tfp_flows.bijectors import Affine
from tfp_flows.flows.layers import autoregressive_flow
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def maf(
    event_size: int, *, num_layers: int = 5, **options: Unpack[LayeredOptions]
) -> FlowOrFamily:
    """Autoregressive layers that shift and scale.

    Each layer is `tfp_flows.bijectors.Autoregressive` with a
    `tfp_flows.conditioners.MADE` and the transformer `tfp_flows.bijectors.Affine`.
    ``log_prob`` is one evaluation of each network; sampling, one dimension after
    another, about one to three.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.maf(2, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Papamakarios, Pavlakou and Murray (2017), Masked autoregressive flow for
    density estimation.
    """
    return autoregressive_flow("maf", event_size, Affine.spec(), num_layers, **options)
