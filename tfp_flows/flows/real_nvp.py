"""RealNVP on vectors."""

from typing import Unpack

from tfp_flows.bijectors import Affine
from tfp_flows.flows.layers import coupling_flow
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def real_nvp(
    event_size: int, *, num_layers: int = 8, **options: Unpack[LayeredOptions]
) -> FlowOrFamily:
    """Couplings that shift and scale.

    The transformer is `tfp_flows.bijectors.Affine`, with scales between e⁻² and e²,
    so that a layer does not throw rows between the data far out; both directions cost
    one pass through the networks. With fewer than 2 layers half of the event stays as
    the base has it.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.real_nvp(2, num_layers=4, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Dinh, Sohl-Dickstein and Bengio (2017), Density estimation using Real NVP.
    """
    spec = Affine.spec(log_scale_bound=2.0)
    return coupling_flow("real_nvp", event_size, spec, num_layers, **options)
