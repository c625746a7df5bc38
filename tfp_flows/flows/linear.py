"""The linear flow."""

from collections.abc import Sequence

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Linear
from tfp_flows.flows.flow import Flow, repeat


def linear(
    event_size: int,
    *,
    context_size: int | None = None,
    hidden_units: Sequence[int] = (64, 64),
    activation="silu",
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """A base sent through one dense linear map: with a normal base, any Gaussian.

    Forward: x = zW + b, from W = I and b = 0. See `tfp_flows.bijectors.Linear`.

    Args:
        event_size: D.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, in
            which a network predicts, from a context of that size, what is added to
            the map; ``None`` for none.
        hidden_units: width of each hidden layer of this network.
        activation: of its hidden layers.
        base: of event shape [D]; a standard normal if not given.
        seed: taken for the sake of uniformity; the start is not random.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size below 1, or a base of another event shape.
        TypeError: an event size that is no integer, a dtype that is not floating, or
            a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.linear(2)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)
    array([-1.838], dtype=float32)
    """
    return repeat(
        Linear.trainable,
        event_size,
        num_layers=1,
        fast="sample",
        context_size=context_size,
        hidden_units=hidden_units,
        activation=activation,
        base=base,
        seed=seed,
        dtype=dtype,
        name="linear",
    )
