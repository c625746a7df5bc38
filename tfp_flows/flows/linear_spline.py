"""The flow of piecewise linear splines."""

from typing import Unpack

from tfp_flows.bijectors import LinearSpline
from tfp_flows.flows.layers import coupling_flow
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def linear_spline(
    event_size: int,
    *,
    num_layers: int = 8,
    num_bins: int = 8,
    low: float = -4.0,
    high: float = 4.0,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Couplings by piecewise linear splines.

    The transformer is `tfp_flows.bijectors.LinearSpline`; both directions cost one pass
    through the networks. The density jumps at the knots.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.linear_spline(2, num_layers=2, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Müller, McWilliams, Rousselle, Gross and Novák (2019), Neural importance
    sampling.
    """
    spec = LinearSpline.spec(num_bins=num_bins, low=low, high=high).fast("log_prob")
    return coupling_flow("linear_spline", event_size, spec, num_layers, **options)
