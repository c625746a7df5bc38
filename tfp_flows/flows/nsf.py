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

    Points outside [low, high] pass through: standardize the data, so that nearly all of
    them are inside (`tfp_flows.bijectors.Standardize`).

    Args:
        event_size: D, at least 2 for couplings.
        num_layers: how many layers.
        autoregressive: whether the layers are autoregressive (`Autoregressive` with a
            MADE) rather than couplings (`Coupling` with an MLP).
        num_bins: bins of each spline.
        low: where the splines' interval begins; outside it they are the identity.
        high: where it ends.
        **options: see `tfp_flows.flows.options.LayeredOptions`.

    Raises:
        ValueError: an interval that is empty or reversed.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.nsf(2, num_layers=2, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows.
    """
    spline = RationalQuadraticSpline.spec(num_bins=num_bins, low=low, high=high)
    spline = spline.fast("log_prob")
    return layered("nsf", event_size, spline, num_layers, autoregressive, **options)
