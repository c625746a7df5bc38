"""The flow of mixture distribution functions."""

from collections.abc import Sequence

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import MixtureCDF
from tfp_flows.flows.flow import (
    Flow,
    MakePermutation,
    autoregressive_flow,
    coupling_flow,
)


def flow_plus_plus(
    event_size: int,
    *,
    num_layers: int = 8,
    autoregressive: bool = False,
    num_components: int = 8,
    hidden_units: Sequence[int] = (64, 64),
    activation="silu",
    context_size: int | None = None,
    permutation: MakePermutation | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Couplings, or autoregressive layers, by mixtures of logistic distributions.

    The transformer is `tfp_flows.bijectors.MixtureCDF`, the distribution function of a
    mixture, its logit, and an affine map. This is Flow++ for vectors. Densities, and so
    training, take one pass through the networks and no search. A sample takes a search
    for the root of each dimension; in couplings all dimensions at once, in
    autoregressive layers one after another, with the work of one to three passes. The
    halves of the event, or one order and the opposite, take turns.

    Args:
        event_size: D, at least 2 for couplings.
        num_layers: how many layers.
        autoregressive: whether the layers are autoregressive (`Autoregressive` with a
            MADE) rather than couplings (`Coupling` with an MLP).
        num_components: of each mixture.
        hidden_units: width of each hidden layer of each network, at least D − 1
            for autoregressive layers.
        activation: of the hidden layers.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, whose
            networks see a context of that size; ``None`` for none.
        permutation: what comes between two layers in place of their taking turns, a
            function called with the event size, ``seed`` and ``dtype``:
            ``Permutation.random``, ``functools.partial(LULinear.trainable,
            permute=True)`` and the like.
        base: of event shape [D]; a standard normal if not given.
        seed: of the initial weights and of the permutations.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size below 1 (2 for couplings), a count below 1, a base of
            another event shape, too narrow hidden layers.
        TypeError: an event size that is no integer, a dtype that is not floating, a
            permutation that is no function, or a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.flow_plus_plus(2, num_layers=2, seed=0)
    >>> abs(flow.log_prob([[0.0, 0.0]]).numpy() + 1.838) < 0.2  # Near its base.
    array([ True])

    Paper: Ho, Chen, Srinivas, Duan and Abbeel (2019), Flow++: improving flow-based
    generative models with variational dequantization and architecture design.
    """
    make = autoregressive_flow if autoregressive else coupling_flow
    return make(
        MixtureCDF.spec(num_components=num_components),
        event_size=event_size,
        num_layers=num_layers,
        hidden_units=hidden_units,
        activation=activation,
        context_size=context_size,
        permutation=permutation,
        base=base,
        seed=seed,
        dtype=dtype,
        name="flow_plus_plus",
    )
