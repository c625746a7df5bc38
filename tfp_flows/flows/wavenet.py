"""WaveNet as a density."""

import functools
from collections.abc import Sequence
from typing import Unpack

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.conditioners import WaveNet
from tfp_flows.flows.layers import autoregressive_flow
from tfp_flows.flows.options import Activation, FlowOptions, FlowOrFamily
from tfp_flows.flows.ready_made import ready_made


@ready_made
def wavenet(
    event_size: int,
    *,
    num_layers: int = 1,
    transformer: TransformerSpec | None = None,
    filters: int = 32,
    kernel_size: int = 2,
    dilations: Sequence[int] | None = None,
    activation: Activation = "silu",
    **options: Unpack[FlowOptions],
) -> FlowOrFamily:
    """One autoregressive layer by dilated causal convolutions, for signals.

    The network is a `tfp_flows.conditioners.WaveNet`. With the transformer
    ``Affine.spec()`` and a normal base every conditional is a Gaussian; mixtures, such
    as ``MixtureCDF.spec(num_components=8)``, model more. ``log_prob`` is one evaluation
    of the network; sampling, one step after another, about one. Between layers
    the dimensions are reversed.

    Args:
        event_size: D, length of the signal.
        filters: width of the convolutions.
        kernel_size: steps that one convolution sees, at least 2.
        dilations: the gap between them, a number for each convolution; 1, 2, 4, … until
            all of the signal is seen, if not given.
        activation: of the two last layers of the network.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.wavenet(8, filters=4, seed=0)
    >>> flow.log_prob(flow.sample(5)).shape
    TensorShape([5])

    Paper: van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior
    and Kavukcuoglu (2016), WaveNet: a generative model for raw audio.
    """
    network = functools.partial(
        WaveNet,
        filters=filters,
        kernel_size=kernel_size,
        dilations=dilations,
        activation=activation,
    )
    spec = Affine.spec() if transformer is None else transformer
    return autoregressive_flow(
        "wavenet", event_size, spec, num_layers, network, **options
    )
