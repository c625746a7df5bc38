"""WaveNet as a density."""

import functools
from collections.abc import Sequence

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.conditioners import WaveNet
from tfp_flows.flows.flow import Flow, autoregressive_flow


def wavenet(
    event_size: int,
    *,
    num_layers: int = 1,
    transformer: TransformerSpec | None = None,
    filters: int = 32,
    kernel_size: int = 2,
    dilations: Sequence[int] | None = None,
    activation="silu",
    context_size: int | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """One autoregressive layer by dilated causal convolutions, for signals.

    The network is a `tfp_flows.conditioners.WaveNet`. With the transformer
    ``Affine.spec()`` and a normal base every conditional is a Gaussian; mixtures, such
    as ``MixtureCDF.spec(num_components=8)``, model more. ``log_prob`` is one evaluation
    of the network; sampling, one place after another, about one. Several layers are of
    one order and the opposite in turns.

    Args:
        event_size: D, length of the signal.
        num_layers: how many layers of the flow, each with a network of its own.
        transformer: of each layer; ``Affine.spec()`` if not given.
        filters: width of the convolutions.
        kernel_size: places that one convolution sees, at least 2.
        dilations: the gap between them, a number for each convolution; 1, 2, 4, … until
            all of the signal is seen, if not given.
        activation: of the two last layers of the network.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, whose
            networks see a context of that size; ``None`` for none.
        base: of event shape [D]; a standard normal if not given.
        seed: of the initial weights.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size, a number of layers, filters or a dilation below 1, a
            kernel size below 2, or a base of another event shape.
        TypeError: a size that is no integer, a transformer that is no
            `TransformerSpec`, a dtype that is not floating, or a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.wavenet(8, filters=4, seed=0)
    >>> flow.log_prob(flow.sample(5)).shape
    TensorShape([5])

    Paper: van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior
    and Kavukcuoglu (2016), WaveNet: a generative model for raw audio.
    """
    return autoregressive_flow(
        Affine.spec() if transformer is None else transformer,
        event_size=event_size,
        num_layers=num_layers,
        make_network=functools.partial(
            WaveNet,
            filters=filters,
            kernel_size=kernel_size,
            dilations=dilations,
            activation=activation,
        ),
        context_size=context_size,
        permutation=None,
        base=base,
        seed=seed,
        dtype=dtype,
        name="wavenet",
    )
