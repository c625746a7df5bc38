"""The Sylvester flow."""

import functools
from collections.abc import Sequence

from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Householder, Sylvester
from tfp_flows.flows.flow import (
    Direction,
    Flow,
    MakeBijector,
    made_by,
    repeat,
    require_maker,
)
from tfp_flows.math import split_seed

_RANDOM_REFLECTIONS = functools.partial(Householder.trainable, paired=False)


def sylvester(
    event_size: int,
    *,
    num_layers: int = 8,
    num_units: int | None = None,
    rotation: MakeBijector | None = _RANDOM_REFLECTIONS,
    fast: Direction = "log_prob",
    context_size: int | None = None,
    hidden_units: Sequence[int] = (64, 64),
    activation="silu",
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Sylvester layers, one after another. See `tfp_flows.bijectors.Sylvester`.

    A layer of M units does the work of up to M planar ones in one step. As with
    `tfp_flows.flows.planar`, one direction is closed and the other a search for roots,
    exact and differentiable; ``fast`` says which use is to have the closed one.

    Args:
        event_size: D.
        num_layers: how many maps.
        num_units: M of each, at most D; D if not given.
        rotation: what turns each layer's directions, a function called with the event
            size, ``seed`` and ``dtype``. ``OrthogonalExponential.trainable`` makes the
            paper's orthogonal flow, ``Householder.trainable`` the one of that name,
            ``Permutation.random`` the triangular one. If not given: reflections that
            start in random directions, different ones in each layer. ``None`` for none.
        fast: ``"log_prob"`` or ``"sample"``, the direction without a root search.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, in
            which a network predicts, from a context of that size, what is added to
            the parameters of each layer (but not to its rotation); ``None`` for none.
        hidden_units: width of each hidden layer of these networks.
        activation: of their hidden layers.
        base: of event shape [D]; a standard normal if not given.
        seed: of the initial values.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size or number of layers below 1, more units than
            dimensions, another ``fast``, or a base of another event shape.
        TypeError: a size that is no integer, a dtype that is not floating, a rotation
            that is no function, or a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.sylvester(3, num_layers=4, num_units=2, seed=0)
    >>> flow.log_prob(flow.sample(3)).shape
    TensorShape([3])

    Paper: van den Berg, Hasenclever, Tomczak and Welling (2018), Sylvester normalizing
    flows for variational inference.
    """
    where = "flows.sylvester: rotation"
    if rotation is not None:
        require_maker(rotation, where)

    def make_one(size, *, seed, dtype):
        own_seed, other_seed = split_seed(seed, 2)
        turned = rotation and made_by(
            rotation, size, seed=other_seed, dtype=dtype, where=where
        )
        return Sylvester.trainable(
            size, num_units=num_units, rotation=turned, seed=own_seed, dtype=dtype
        )

    return repeat(
        make_one,
        event_size,
        num_layers=num_layers,
        fast=fast,
        context_size=context_size,
        hidden_units=hidden_units,
        activation=activation,
        base=base,
        seed=seed,
        dtype=dtype,
        name="sylvester",
    )
