"""The neural spline flow."""

from typing import Unpack

from tfp_flows.bijectors import RationalQuadraticSpline
from tfp_flows.flows.layers import layered
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def nsf(
    event_size: int,
    *,
    num_layers: int = 8,
    autoregressive: bool = False,
    num_bins: int = 8,
    low: float = -4.0,
    high: float = 4.0,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Couplings, or autoregressive layers, by rational-quadratic splines.

    The transformer is `tfp_flows.bijectors.RationalQuadraticSpline`. In couplings both
    directions cost one pass through the networks; autoregressive layers model more at
    equal depth, and sample one dimension after another, at one to three passes.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.nsf(2, num_layers=2, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows.
    """
    spec = RationalQuadraticSpline.spec(num_bins=num_bins, low=low, high=high)
    return layered("nsf", event_size, spec, num_layers, autoregressive, **options)
