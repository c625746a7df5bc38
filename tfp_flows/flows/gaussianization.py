"""The Gaussianization flow."""

import functools
from collections.abc import Sequence

from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Conditional, Householder, KernelGaussianization
from tfp_flows.conditioners import MLP
from tfp_flows.flows.flow import (
    Flow,
    MakePermutation,
    flow_dtype,
    make_flow,
    make_layers,
    with_permutations,
)

RANDOM_ROTATION = functools.partial(Householder.trainable, paired=False)


def gaussianization(
    event_size: int,
    *,
    num_layers: int = 6,
    num_components: int = 8,
    rotation: MakePermutation = RANDOM_ROTATION,
    hidden_units: Sequence[int] = (64, 64),
    activation="silu",
    context_size: int | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Layers that make each dimension normal, and trainable rotations between them.

    Each layer is a `tfp_flows.bijectors.KernelGaussianization`, which acts on each
    dimension by itself; the rotations mix them. No network is evaluated (but for a
    context). ``FlowModel.fit`` starts each layer from the data as they arrive at it,
    the one nearest to the data first, so that training starts from a flow that fits
    all margins. Densities take no search; a sample takes one for each dimension, all at
    once.

    The rotations start at random, so that the flow starts near its base if that is a
    standard normal.

    Args:
        event_size: D.
        num_layers: how many layers.
        num_components: of the kernel density estimate of each dimension.
        rotation: what comes between two layers, a function called with the event
            size, ``seed`` and ``dtype``: reflections in random hyperplanes,
            ``OrthogonalExponential.trainable``, ``LULinear.trainable`` and the like.
        hidden_units: width of each hidden layer of the networks that see a context.
        activation: of these hidden layers.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, where
            networks change the layers' parameters by a context of that size; ``None``
            for none.
        base: of event shape [D]; a standard normal if not given.
        seed: of the rotations and the initial weights.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size, a number of layers or components below 1, or a base
            of another event shape.
        TypeError: an event size that is no integer, a dtype that is not floating, a
            rotation that is no function, or a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.gaussianization(2, num_layers=2, seed=0)
    >>> abs(flow.log_prob([[0.0, 0.0]]).numpy() + 1.838) < 0.2  # Near its base.
    array([ True])

    Paper: Meng, Song, Song and Ermon (2020), Gaussianization flows.
    """
    name, own_dtype = "gaussianization", flow_dtype(dtype, "gaussianization")

    def make_layer(_, layer_seed: int) -> tfb.Bijector:
        layer = KernelGaussianization.trainable(
            event_size, num_components=num_components, dtype=own_dtype
        )
        if context_size is None:
            return layer
        network = MLP(hidden_units, activation=activation, seed=layer_seed, dtype=dtype)
        return Conditional(layer, network, context_size)

    layers = make_layers(make_layer, num_layers=num_layers, seed=seed, name=name)
    layers = with_permutations(
        layers, rotation, event_size=event_size, seed=seed, dtype=own_dtype, name=name
    )
    return make_flow(
        layers,
        event_size=event_size,
        base=base,
        context_size=context_size,
        dtype=dtype,
        name=name,
    )
