"""The masked autoencoder as a density."""

from typing import Unpack

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.flows.layers import autoregressive_flow
from tfp_flows.flows.options import FlowOrFamily, NetworkOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def made(
    event_size: int,
    *,
    transformer: TransformerSpec | None = None,
    **options: Unpack[NetworkOptions],
) -> FlowOrFamily:
    """One autoregressive layer: each dimension given those before it.

    With the transformer ``Affine.spec()`` and a normal base every conditional is a
    Gaussian; with ``GaussianMixtureCDF.spec(num_components=8)`` a mixture of them.
    ``log_prob`` is one evaluation of a `tfp_flows.conditioners.MADE`; sampling, one
    dimension after another, about one to three.

    >>> import tfp_flows
    >>> mixture = tfp_flows.bijectors.GaussianMixtureCDF.spec(num_components=4)
    >>> flow = tfp_flows.flows.made(3, transformer=mixture, seed=0)
    >>> flow.log_prob(flow.sample(5)).shape
    TensorShape([5])

    Papers: Germain, Gregor, Murray and Larochelle (2015), MADE: masked autoencoder for
    distribution estimation; Bishop (1994), Mixture density networks.
    """
    return autoregressive_flow(
        "made",
        event_size,
        Affine.spec() if transformer is None else transformer,
        num_layers=1,
        **options,
    )
