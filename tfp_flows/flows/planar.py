"""The planar flow."""

from typing import Unpack

from tfp_flows.bijectors import Planar
from tfp_flows.bijectors.elementwise.transformer_spec import Use
from tfp_flows.flows.options import FlowOrFamily, NetworkOptions
from tfp_flows.flows.ready_made import ready_made
from tfp_flows.flows.repeated import repeated


@ready_made
def planar(
    event_size: int,
    *,
    num_layers: int = 16,
    fast: Use = "log_prob",
    **options: Unpack[NetworkOptions],
) -> FlowOrFamily:
    """Planar layers, one after another.

    Each layer is `tfp_flows.bijectors.Planar`, one direction of which is closed and the
    other a scalar root search; both are exact and differentiable. ``fast`` says which
    use is to have the closed one: ``"log_prob"`` for maximum likelihood (Keras
    ``fit``), ``"sample"`` for variational inference and other objectives on samples.
    The two are different families of densities, for a planar map's inverse is not
    planar. Given a context, a network predicts what is added to the parameters of each
    layer.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.planar(2, num_layers=4, seed=0)
    >>> flow.log_prob(flow.sample(3)).shape
    TensorShape([3])

    Paper: Rezende and Mohamed (2015), Variational inference with normalizing flows.
    """
    return repeated("planar", event_size, Planar.trainable, num_layers, fast, **options)
