"""The linear flow."""

from typing import Unpack

from tfp_flows.bijectors import Linear
from tfp_flows.flows.options import FlowOrFamily, NetworkOptions
from tfp_flows.flows.ready_made import ready_made
from tfp_flows.flows.repeated import repeated


@ready_made
def linear(event_size: int, **options: Unpack[NetworkOptions]) -> FlowOrFamily:
    """One dense linear map: with a normal base, any Gaussian.

    Forward: x = zW + b, from W = I and b = 0. See `tfp_flows.bijectors.Linear`. Given a
    context, a network predicts what is added to the map.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.linear(2)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)
    """
    return repeated("linear", event_size, Linear.trainable, 1, "sample", **options)
