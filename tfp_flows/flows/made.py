"""The masked autoencoder as a density."""

from collections.abc import Sequence

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.flows.flow import Flow, autoregressive_flow


def made(
    event_size: int,
    *,
    transformer: TransformerSpec | None = None,
    hidden_units: Sequence[int] = (64, 64),
    activation="silu",
    context_size: int | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """One autoregressive layer: each dimension given those before it.

    With the transformer ``Affine.spec()`` and a normal base every conditional is a
    Gaussian; with ``GaussianMixtureCDF.spec(num_components=8)`` a mixture of them.
    ``log_prob`` is one evaluation of a `tfp_flows.conditioners.MADE`; sampling, one
    dimension after another, about one to three.

    Args:
        event_size: D.
        transformer: of the layer; ``Affine.spec()`` if not given.
        hidden_units: width of each hidden layer of the network, at least D − 1.
        activation: of the hidden layers.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, whose
            networks see a context of that size; ``None`` for none.
        base: of event shape [D]; a standard normal if not given.
        seed: of the initial weights.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size below 1, hidden layers that are too narrow, or a base
            of another event shape.
        TypeError: an event size that is no integer, a transformer that is no
            `TransformerSpec`, a dtype that is not floating, or a base of another dtype.

    >>> import tfp_flows
    >>> mixture = tfp_flows.bijectors.GaussianMixtureCDF.spec(num_components=4)
    >>> flow = tfp_flows.flows.made(3, transformer=mixture, seed=0)
    >>> flow.log_prob(flow.sample(5)).shape
    TensorShape([5])

    Papers: Germain, Gregor, Murray and Larochelle (2015), MADE: masked autoencoder for
    distribution estimation; Bishop (1994), Mixture density networks.
    """
    return autoregressive_flow(
        Affine.spec() if transformer is None else transformer,
        event_size=event_size,
        num_layers=1,
        hidden_units=hidden_units,
        activation=activation,
        context_size=context_size,
        permutation=None,
        base=base,
        seed=seed,
        dtype=dtype,
        name="made",
    )
