"""The radial flow."""

from typing import Unpack

from tfp_flows.bijectors import Radial
from tfp_flows.bijectors.elementwise.transformer_spec import Use
from tfp_flows.flows.options import FlowOrFamily, NetworkOptions
from tfp_flows.flows.ready_made import ready_made
from tfp_flows.flows.repeated import repeated


@ready_made
def radial(
    event_size: int,
    *,
    num_layers: int = 16,
    fast: Use = "log_prob",
    **options: Unpack[NetworkOptions],
) -> FlowOrFamily:
    """Radial layers, one after another.

    Both directions of `tfp_flows.bijectors.Radial` are closed; ``fast`` says which use
    is to have the simpler one, as for `tfp_flows.flows.planar`. Given a context, a
    network predicts what is added to the parameters of each layer.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.radial(2, num_layers=4, seed=0)
    >>> flow.log_prob(flow.sample(3)).shape
    TensorShape([3])

    Paper: Rezende and Mohamed (2015), Variational inference with normalizing flows.
    """
    return repeated("radial", event_size, Radial.trainable, num_layers, fast, **options)
