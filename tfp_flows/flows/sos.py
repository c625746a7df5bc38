"""The sum-of-squares polynomial flow."""

from typing import Unpack

from tfp_flows.bijectors import SumOfSquares
from tfp_flows.flows.layers import layered
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def sos(
    event_size: int,
    *,
    num_layers: int = 5,
    autoregressive: bool = True,
    num_polynomials: int = 3,
    degree: int = 4,
    low: float = -4.0,
    high: float = 4.0,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Autoregressive layers, or couplings, by integrals of sums of squares.

    The transformer is `tfp_flows.bijectors.SumOfSquares`, an increasing polynomial.
    Densities, and so training, take one pass through the networks and no search; a
    sample searches for the root of each dimension.

    Args:
        num_polynomials: how many squares are summed.
        degree: of the polynomials that are squared.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.sos(2, num_layers=2, seed=0)
    >>> abs(flow.log_prob([[0.0, 0.0]]).numpy() + 1.838) < 0.2  # Near its base.
    array([ True])

    Paper: Jaini, Selby and Yu (2019), Sum-of-squares polynomial flow.
    """
    spec = SumOfSquares.spec(
        num_polynomials=num_polynomials, degree=degree, low=low, high=high
    )
    return layered("sos", event_size, spec, num_layers, autoregressive, **options)
