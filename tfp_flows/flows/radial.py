"""The radial flow."""

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Radial
from tfp_flows.flows.flow import Direction, repeat


def radial(
    event_size: int,
    *,
    num_layers: int = 16,
    fast: Direction = "log_prob",
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> tfd.TransformedDistribution:
    """Radial layers, one after another. See `tfp_flows.bijectors.Radial`.

    Both directions of a radial layer are closed; ``fast`` says which use is to have
    the simpler one, as for `tfp_flows.flows.planar`.

    Args:
        event_size: D.
        num_layers: how many maps.
        fast: ``"log_prob"`` or ``"sample"``, the direction with the simpler formula.
        base: of event shape [D]; a standard normal if not given.
        seed: of the initial values.
        dtype: float32 or float64.

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
        Radial,
        event_size,
        num_layers=num_layers,
        fast=fast,
        base=base,
        seed=seed,
        dtype=dtype,
        name="radial",
    )
