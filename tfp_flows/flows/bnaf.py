"""The block neural autoregressive flow."""

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import BlockAutoregressive
from tfp_flows.checks import checked_count
from tfp_flows.conditioners import BlockNetwork
from tfp_flows.flows.flow import (
    Flow,
    MakePermutation,
    flow_dtype,
    make_flow,
    make_layers,
    with_permutations,
)


def bnaf(
    event_size: int,
    *,
    num_layers: int = 5,
    hidden_factor: int = 32,
    num_hidden_layers: int = 2,
    activation="tanh",
    context_size: int | None = None,
    permutation: MakePermutation | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Block autoregressive layers, of one order and the opposite in turns.

    Each layer is `tfp_flows.bijectors.BlockAutoregressive` with a
    `tfp_flows.conditioners.BlockNetwork`. ``log_prob`` is one evaluation of each
    network; sampling, one dimension after another, one or two and a scalar root search
    for each dimension.

    The flow starts near its base for points within ±3, so data should be standardised
    (see `tfp_flows.bijectors.Standardize`).

    Args:
        event_size: D.
        num_layers: how many layers.
        hidden_factor: units of each hidden layer of each network, for each dimension.
        num_hidden_layers: how many of them each network has.
        activation: of the hidden layers, one that does not decrease anywhere; a
            multiple of the unit's input is added, so that it is onto the real numbers.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, whose
            networks see a context of that size; ``None`` for none.
        permutation: what comes between two layers in place of their taking turns, a
            function called with the event size, ``seed`` and ``dtype``:
            ``Permutation.random``, ``functools.partial(LULinear.trainable,
            permute=True)`` and the like.
        base: of event shape [D]; a standard normal if not given.
        seed: of the initial weights and of the permutations.
        dtype: float32 or float64. Under a Keras dtype policy of mixed precision all is
            float32, for log-determinants need all digits.

    Raises:
        ValueError: an event size, or another size or number of layers, below 1, a base
            of another event shape, an activation that decreases somewhere.
        TypeError: an event size that is no integer, a dtype that is not floating, a
            permutation that is no function, or a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.bnaf(2, num_layers=2, hidden_factor=8, seed=0)
    >>> flow.log_prob(flow.sample(3)).shape
    TensorShape([3])

    Paper: De Cao, Titov and Aziz (2019), Block neural autoregressive flow.
    """
    own_dtype = flow_dtype(dtype, "bnaf")
    size = checked_count(event_size, "flows.bnaf: event_size")

    def make_layer(index: int, layer_seed: int) -> BlockAutoregressive:
        backwards = permutation is None and index % 2
        network = BlockNetwork(
            size,
            hidden_factor,
            num_hidden_layers,
            order=range(size)[::-1] if backwards else None,
            context_size=context_size,
            activation=activation,
            seed=layer_seed,
            dtype=own_dtype.name,
        )
        return BlockAutoregressive(network)

    layers = make_layers(make_layer, num_layers=num_layers, seed=seed, name="bnaf")
    layers = with_permutations(
        layers,
        permutation,
        event_size=size,
        seed=seed,
        dtype=own_dtype,
        name="bnaf",
    )
    return make_flow(
        layers,
        event_size=size,
        base=base,
        context_size=context_size,
        dtype=dtype,
        name="bnaf",
    )
