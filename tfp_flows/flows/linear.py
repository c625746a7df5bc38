"""The linear flow."""

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Linear
from tfp_flows.flows.flow import make_flow


def linear(
    event_size: int,
    *,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> tfd.TransformedDistribution:
    """A base sent through one dense linear map: with a normal base, any Gaussian.

    Forward: x = zW + b, from W = I and b = 0. See `tfp_flows.bijectors.Linear`.

    Args:
        event_size: D.
        base: of event shape [D]; a standard normal if not given.
        seed: taken for the sake of uniformity; the start is not random.
        dtype: float32 or float64.

    Raises:
        ValueError: an event size below 1, or a base of another event shape.
        TypeError: an event size that is no integer, a dtype that is not floating, or
            a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.linear(2)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)
    array([-1.838], dtype=float32)
    """
    layer = Linear.trainable(event_size, seed=seed, dtype=dtype)
    return make_flow(
        [layer], event_size=event_size, base=base, dtype=dtype, name="linear"
    )
