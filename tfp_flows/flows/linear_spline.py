"""The flow of piecewise linear splines."""

from collections.abc import Sequence

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import LinearSpline
from tfp_flows.flows.flow import Flow, MakePermutation, coupling_flow


def linear_spline(
    event_size: int,
    *,
    num_layers: int = 8,
    num_bins: int = 8,
    low: float = -4.0,
    high: float = 4.0,
    hidden_units: Sequence[int] = (64, 64),
    activation="silu",
    context_size: int | None = None,
    permutation: MakePermutation | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Couplings by piecewise linear splines, the halves of the event taking turns.

    Each layer is `tfp_flows.bijectors.Coupling` with the transformer
    `tfp_flows.bijectors.LinearSpline`; both
    directions cost one pass through the networks. The density jumps at the knots.

    The spline itself is the direction data → base (`TransformerSpec.invert`).
    Points outside [low, high] pass through: standardise the data, so that nearly all of
    them are inside (`tfp_flows.bijectors.Standardize`).

    Args:
        event_size: D, at least 2.
        num_bins: pieces of each spline.
        low: where the splines' interval begins; outside it they are the identity.
        high: where it ends.
        num_layers: how many layers.
        hidden_units: width of each hidden layer of each network.
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
        ValueError: an event size below 2, a number of layers or bins below 1, a base of
            another event shape.
        TypeError: an event size that is no integer, a dtype that is not floating, a
            permutation that is no function, or a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.linear_spline(2, num_layers=2, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Müller, McWilliams, Rousselle, Gross and Novák (2019), Neural importance
    sampling.
    """
    return coupling_flow(
        LinearSpline.spec(num_bins=num_bins, low=low, high=high).invert(),
        event_size=event_size,
        num_layers=num_layers,
        hidden_units=hidden_units,
        activation=activation,
        context_size=context_size,
        permutation=permutation,
        base=base,
        seed=seed,
        dtype=dtype,
        name="linear_spline",
    )
