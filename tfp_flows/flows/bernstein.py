"""The Bernstein polynomial flow."""

from typing import Unpack

from tfp_flows.bijectors import Bernstein
from tfp_flows.flows.layers import layered
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def bernstein(
    event_size: int,
    *,
    num_layers: int = 5,
    autoregressive: bool = True,
    degree: int = 16,
    low: float = -4.0,
    high: float = 4.0,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Autoregressive layers, or couplings, by Bernstein polynomials.

    The transformer is `tfp_flows.bijectors.Bernstein`, an increasing polynomial.
    Densities, and so training, take one pass through the networks and no search; a
    sample searches for the root of each dimension.

    Args:
        degree: of the polynomials.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.bernstein(2, num_layers=2, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Ramasinghe, Fernando, Khan and Barnes (2021), Robust normalizing flows using
    Bernstein-type polynomials.
    """
    spec = Bernstein.spec(degree=degree, low=low, high=high)
    return layered("bernstein", event_size, spec, num_layers, autoregressive, **options)
