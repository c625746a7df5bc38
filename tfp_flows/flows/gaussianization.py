"""The Gaussianization flow."""

import functools
from typing import Unpack

from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import Householder, KernelGaussianization
from tfp_flows.flows.assembly import Assembly, require_maker
from tfp_flows.flows.layers import conditional
from tfp_flows.flows.options import FlowOrFamily, MakeBijector, NetworkOptions
from tfp_flows.flows.ready_made import ready_made

RANDOM_ROTATION = functools.partial(Householder.trainable, paired=False)


@ready_made
def gaussianization(
    event_size: int,
    *,
    num_layers: int = 6,
    num_components: int = 8,
    rotation: MakeBijector = RANDOM_ROTATION,
    **options: Unpack[NetworkOptions],
) -> FlowOrFamily:
    """Kernel density estimates of each dimension, and rotations between them.

    Each layer is a `tfp_flows.bijectors.KernelGaussianization`, which makes each
    dimension normal by itself; trainable rotations mix them. No network is evaluated
    (but for a context, by which networks change the layers' parameters).
    ``FlowModel.fit`` starts each layer from the data as they arrive at it, the one
    nearest to the data first, so that training starts from a flow that fits all
    marginals. Densities take no search; a sample takes one for each dimension, all at
    once.

    The rotations start at random, so that the flow starts near its base if that is a
    standard normal.

    Args:
        num_components: of the kernel density estimate of each dimension.
        rotation: makes what comes between two layers, called with the event size,
            ``seed`` and ``dtype``: reflections in random hyperplanes,
            ``OrthogonalExponential.trainable``, ``LULinear.trainable`` and the like.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.gaussianization(2, num_layers=2, seed=0)
    >>> abs(flow.log_prob([[0.0, 0.0]]).numpy() + 1.838) < 0.2  # Near its base.
    array([ True])

    Paper: Meng, Song, Song and Ermon (2020), Gaussianization flows.
    """
    require_maker(rotation, "flows.gaussianization: rotation")
    assembly = Assembly("gaussianization", event_size, permutation=rotation, **options)

    def make_layer(_, seed: int) -> tfb.Bijector:
        layer = KernelGaussianization.trainable(
            assembly.event_size,
            num_components=num_components,
            dtype=assembly.variable_dtype,
        )
        return conditional(assembly, layer, seed)

    return assembly.flow(assembly.layers(make_layer, num_layers))
