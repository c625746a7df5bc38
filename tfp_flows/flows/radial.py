"""The radial flow."""

from collections.abc import Sequence

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Radial
from tfp_flows.flows.flow import Direction, Flow, repeat


def radial(
    event_size: int,
    *,
    num_layers: int = 16,
    fast: Direction = "log_prob",
    context_size: int | None = None,
    hidden_units: Sequence[int] = (64, 64),
    activation="silu",
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Radial layers, one after another. See `tfp_flows.bijectors.Radial`.

    Both directions of a radial layer are closed; ``fast`` says which use is to have
    the simpler one, as for `tfp_flows.flows.planar`.

    Args:
        event_size: D.
        num_layers: how many maps.
        fast: ``"log_prob"`` or ``"sample"``, the direction with the simpler formula.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, in
            which a network predicts, from a context of that size, what is added to
            the parameters of each layer; ``None`` for none.
        hidden_units: width of each hidden layer of these networks.
        activation: of their hidden layers.
        base: of event shape [D]; a standard normal if not given.
        seed: of the initial values.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size or number of layers below 1, another ``fast``, or a
            base of another event shape.
        TypeError: an event size that is no integer, a dtype that is not floating, or
            a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.radial(2, num_layers=4, seed=0)
    >>> flow.log_prob(flow.sample(3)).shape
    TensorShape([3])

    Paper: Rezende and Mohamed (2015), Variational inference with normalizing flows.
    """
    return repeat(
        Radial.trainable,
        event_size,
        num_layers=num_layers,
        fast=fast,
        context_size=context_size,
        hidden_units=hidden_units,
        activation=activation,
        base=base,
        seed=seed,
        dtype=dtype,
        name="radial",
    )
