"""The flow of mixture distribution functions."""

from typing import Unpack

from tfp_flows.bijectors import MixtureCDF
from tfp_flows.flows.layers import layered
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def flow_plus_plus(
    event_size: int,
    *,
    num_layers: int = 8,
    autoregressive: bool = False,
    num_components: int = 8,
    **options: Unpack[LayeredOptions],
) -> FlowOrFamily:
    """Couplings, or autoregressive layers, by mixtures of logistic distributions.

    The transformer is `tfp_flows.bijectors.MixtureCDF`, the distribution function of a
    mixture, its logit, and an affine map. This is Flow++ for vectors. Densities, and so
    training, take one pass through the networks and no search; a sample searches for
    the root of each dimension.

    Args:
        num_components: of each mixture.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.flow_plus_plus(2, num_layers=2, seed=0)
    >>> abs(flow.log_prob([[0.0, 0.0]]).numpy() + 1.838) < 0.2  # Near its base.
    array([ True])

    Paper: Ho, Chen, Srinivas, Duan and Abbeel (2019), Flow++: improving flow-based
    generative models with variational dequantization and architecture design.
    """
    spec = MixtureCDF.spec(num_components=num_components)
    return layered(
        "flow_plus_plus", event_size, spec, num_layers, autoregressive, **options
    )
