"""The neural autoregressive distribution estimator as a density."""

import functools

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.conditioners import NADE
from tfp_flows.flows.flow import Flow, autoregressive_flow


def nade(
    event_size: int,
    *,
    num_layers: int = 1,
    transformer: TransformerSpec | None = None,
    hidden_units: int = 64,
    activation="silu",
    context_size: int | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """One autoregressive layer whose dimensions share one hidden layer.

    As `tfp_flows.flows.made`, by a `tfp_flows.conditioners.NADE`. With the transformer
    ``Affine.spec()`` and a normal base every conditional is a Gaussian; with
    ``GaussianMixtureCDF.spec(num_components=8)`` a mixture of them (RNADE).
    ``log_prob`` is one evaluation of the network; sampling, one dimension after
    another, about one. Several layers are of one order and the opposite in turns.

    Args:
        event_size: D.
        num_layers: how many layers.
        transformer: of each layer; ``Affine.spec()`` if not given.
        hidden_units: width of the one hidden layer of each network.
        activation: of the hidden layer.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, whose
            networks see a context of that size; ``None`` for none.
        base: of event shape [D]; a standard normal if not given.
        seed: of the initial weights.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size, a number of layers or of hidden units below 1, or a
            base of another event shape.
        TypeError: a size that is no integer, a transformer that is no
            `TransformerSpec`, a dtype that is not floating, or a base of another dtype.

    >>> import tfp_flows
    >>> mixture = tfp_flows.bijectors.GaussianMixtureCDF.spec(num_components=4)
    >>> flow = tfp_flows.flows.nade(3, transformer=mixture, seed=0)
    >>> flow.log_prob(flow.sample(5)).shape
    TensorShape([5])

    Papers: Larochelle and Murray (2011), The neural autoregressive distribution
    estimator; Uria, Murray and Larochelle (2013), RNADE: the real-valued neural
    autoregressive density-estimator.
    """
    return autoregressive_flow(
        Affine.spec() if transformer is None else transformer,
        event_size=event_size,
        num_layers=num_layers,
        make_network=functools.partial(
            NADE, hidden_units=hidden_units, activation=activation
        ),
        context_size=context_size,
        permutation=None,
        base=base,
        seed=seed,
        dtype=dtype,
        name="nade",
    )
