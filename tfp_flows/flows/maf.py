"""The masked autoregressive flow."""

from collections.abc import Sequence

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Affine
from tfp_flows.flows.flow import Flow, MakePermutation, autoregressive_flow


def maf(
    event_size: int,
    *,
    num_layers: int = 5,
    hidden_units: Sequence[int] = (64, 64),
    activation="silu",
    context_size: int | None = None,
    permutation: MakePermutation | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Affine autoregressive layers, of one order and the opposite in turns.

    Each layer is `tfp_flows.bijectors.Autoregressive` with a
    `tfp_flows.conditioners.MADE` and the transformer `tfp_flows.bijectors.Affine`.
    ``log_prob`` is one evaluation of each network; sampling, one dimension after
    another, about one to three.

    Args:
        event_size: D.
        num_layers: how many layers.
        hidden_units: width of each hidden layer of each network, at least D − 1.
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
        ValueError: an event size below 1, a number of layers below 1, a base of
            another event shape, too narrow
            hidden layers.
        TypeError: an event size that is no integer, a dtype that is not floating, a
            permutation that is no function, or a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.maf(2, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Papamakarios, Pavlakou and Murray (2017), Masked autoregressive flow for
    density estimation.
    """
    return autoregressive_flow(
        Affine.spec(),
        event_size=event_size,
        num_layers=num_layers,
        hidden_units=hidden_units,
        activation=activation,
        context_size=context_size,
        permutation=permutation,
        base=base,
        seed=seed,
        dtype=dtype,
        name="maf",
    )
