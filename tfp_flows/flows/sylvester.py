"""The Sylvester flow."""

import functools
from typing import Unpack

from tfp_flows.bijectors import Householder, Sylvester
from tfp_flows.bijectors.elementwise.transformer_spec import Use
from tfp_flows.flows.assembly import made_by, require_maker
from tfp_flows.flows.options import FlowOrFamily, MakeBijector, NetworkOptions
from tfp_flows.flows.ready_made import ready_made
from tfp_flows.flows.repeated import repeated
from tfp_flows.random_state import split_seed

RANDOM_REFLECTIONS = functools.partial(Householder.trainable, paired=False)


@ready_made
def sylvester(
    event_size: int,
    *,
    num_layers: int = 8,
    num_units: int | None = None,
    rotation: MakeBijector | None = RANDOM_REFLECTIONS,
    fast: Use = "log_prob",
    **options: Unpack[NetworkOptions],
) -> FlowOrFamily:
    """Sylvester layers, each the work of several planar ones.

    A `tfp_flows.bijectors.Sylvester` of M units does the work of up to M planar layers
    in one step. As with `tfp_flows.flows.planar`, one direction is closed and the other
    a search for roots, exact and differentiable; ``fast`` says which use is to have the
    closed one. Given a context, a network predicts what is added to the parameters of
    each layer (but not to its rotation).

    Args:
        num_units: M of each, at most D; D if not given.
        rotation: makes what rotates each layer's directions, called with the event
            size, ``seed`` and ``dtype``. ``OrthogonalExponential.trainable`` makes the
            paper's orthogonal flow, ``Householder.trainable`` the one of that name,
            ``Permutation.random`` the triangular one. If not given: reflections that
            start in random directions, different ones in each layer. ``None`` for none.

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

    def make_one(size: int, *, seed: int, dtype) -> Sylvester:
        layer_seed, rotation_seed = split_seed(seed, 2)
        rotated = rotation and made_by(rotation, size, rotation_seed, dtype, where)
        return Sylvester.trainable(
            size, num_units=num_units, rotation=rotated, seed=layer_seed, dtype=dtype
        )

    return repeated("sylvester", event_size, make_one, num_layers, fast, **options)
