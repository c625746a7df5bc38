"""The neural autoregressive distribution estimator as a density."""

import functools
from typing import Unpack

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.conditioners import NADE
from tfp_flows.flows.layers import autoregressive_flow
from tfp_flows.flows.options import Activation, FlowOptions, FlowOrFamily
from tfp_flows.flows.ready_made import ready_made


@ready_made
def nade(
    event_size: int,
    *,
    num_layers: int = 1,
    transformer: TransformerSpec | None = None,
    units: int = 64,
    activation: Activation = "silu",
    **options: Unpack[FlowOptions],
) -> FlowOrFamily:
    """One autoregressive layer whose dimensions share one hidden layer.

    As `tfp_flows.flows.made`, by a `tfp_flows.conditioners.NADE`. With the transformer
    ``Affine.spec()`` and a normal base every conditional is a Gaussian; with
    ``GaussianMixtureCDF.spec(num_components=8)`` a mixture of them (RNADE).
    ``log_prob`` is one evaluation of the network; sampling, one dimension after
    another, about one. Between layers the dimensions are reversed.

    Args:
        units: width of the one hidden layer of each network.
        activation: of the hidden layer.

    >>> import tfp_flows
    >>> mixture = tfp_flows.bijectors.GaussianMixtureCDF.spec(num_components=4)
    >>> flow = tfp_flows.flows.nade(3, transformer=mixture, seed=0)
    >>> flow.log_prob(flow.sample(5)).shape
    TensorShape([5])

    Papers: Larochelle and Murray (2011), The neural autoregressive distribution
    estimator; Uria, Murray and Larochelle (2013), RNADE: the real-valued neural
    autoregressive density-estimator.
    """
    network = functools.partial(NADE, hidden_units=units, activation=activation)
    spec = Affine.spec() if transformer is None else transformer
    return autoregressive_flow("nade", event_size, spec, num_layers, network, **options)
