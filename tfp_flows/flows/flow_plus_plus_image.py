"""Flow++ of images, and its noise."""

import functools
import math
from collections.abc import Sequence
from typing import Unpack

from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import (
    Coupling,
    Invert,
    MixtureCDF,
    Squeeze,
    channel_mask,
    checkerboard_mask,
)
from tfp_flows.checks import checked_count, checked_image_shape
from tfp_flows.conditioners import GatedAttentionNetwork
from tfp_flows.distributions import Family
from tfp_flows.flows.assembly import Assembly
from tfp_flows.flows.image import glow_step, to_image, with_checkerboards
from tfp_flows.flows.options import DType, FlowOptions, FlowOrFamily
from tfp_flows.flows.ready_made import ready_made
from tfp_flows.random_state import Seed, split_seed


@ready_made
def flow_plus_plus_image(
    image_shape: Sequence[int],
    *,
    num_levels: int = 2,
    num_steps: int = 4,
    num_components: int = 8,
    filters: int = 32,
    num_blocks: int = 2,
    num_heads: int = 4,
    **options: Unpack[FlowOptions],
) -> FlowOrFamily:
    """Images: couplings by mixtures of logistics, with attention.

    Steps of ActNorm, 1×1 convolution and a coupling whose transformer is
    `tfp_flows.bijectors.MixtureCDF` and whose network is a
    `tfp_flows.conditioners.GatedAttentionNetwork`. ``num_steps`` of them are by
    checkerboards; then each further level squeezes the image and has as many, the first
    half by channels, the others by checkerboards. Nothing is done before the others.
    ``log_prob`` is one evaluation of each network; ``sample`` searches for roots,
    besides.

    Args:
        image_shape: ``(H, W, C)``, rows, columns and channels; H and W multiples of
            2 to the number of levels less 1, so that 2 pixels or more are left at the
            last level. D = H·W·C.
        num_levels: how many resolutions.
        num_steps: of each.
        num_components: of each mixture.
        filters: width of the networks.
        num_blocks: of each network.
        num_heads: of the attention; it divides ``filters``.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.flow_plus_plus_image(
    ...     (4, 4, 1), num_steps=1, filters=8, num_blocks=1, num_heads=2, seed=0)
    >>> flow.log_prob(flow.sample(2, seed=[0, 1])).shape
    TensorShape([2])

    Paper: Ho, Chen, Srinivas, Duan and Abbeel (2019), Flow++: improving flow-based
    generative models with variational dequantization and architecture design.
    """
    name, where = "flow_plus_plus_image", "flows.flow_plus_plus_image"
    num_steps = checked_count(num_steps, f"{where}: num_steps")
    shape = with_checkerboards(image_shape, num_levels, where)
    assembly = Assembly(name, math.prod(shape), **options)
    network = functools.partial(
        GatedAttentionNetwork,
        filters,
        num_blocks=num_blocks,
        num_heads=num_heads,
        **assembly.network_options,
    )
    transformer = MixtureCDF.spec(num_components=num_components).fast("log_prob")
    from_image: list[tfb.Bijector] = []
    for level, level_seed in enumerate(split_seed(assembly.seed, num_levels)):
        if level:
            from_image.append(Invert(Squeeze()))
            shape = [shape[0] // 2, shape[1] // 2, 4 * shape[2]]
        for step, seed in enumerate(split_seed(level_seed, num_steps)):
            is_by_channel = level and step < (num_steps + 1) // 2
            make_mask = channel_mask if is_by_channel else checkerboard_mask
            from_image += glow_step(
                network(seed=seed),
                transformer,
                make_mask(shape, step % 2),
                seed=seed,
                dtype=assembly.variable_dtype,
            )
    return assembly.flow([to_image(shape), *from_image[::-1]])


def dequantization(
    image_shape: Sequence[int],
    *,
    num_steps: int = 4,
    num_components: int = 8,
    filters: int = 32,
    num_blocks: int = 2,
    num_heads: int = 4,
    seed: Seed = None,
    dtype: DType = "float32",
) -> Family:
    """The noise of Flow++: a flow of images, given the image that it is added to.

    Couplings as in `flow_plus_plus_image`, by alternating checkerboards, whose networks
    see the image beside what they transform. Its context is that image, flattened to
    ``[H·W·C]``. It is what `tfp_flows.distributions.Dequantized` takes for ``noise``.
    The closed direction is that of a sample, with its density: one evaluation of each
    network. The density of other points takes searches for roots.

    Args:
        image_shape: ``(H, W, C)``, rows, columns and channels.
        num_steps: how many couplings.
        num_components: of each mixture.
        filters: width of the networks.
        num_blocks: of each network.
        num_heads: of the attention; it divides ``filters``.
        seed: as of `flow_plus_plus_image`.
        dtype: as there.

    Raises:
        ValueError: an image shape that is not three positive integers, or of a single
            pixel; a count below 1.
        TypeError: a size that is no integer, a dtype that is not floating.

    >>> import tensorflow as tf, tfp_flows
    >>> noise = tfp_flows.flows.dequantization(
    ...     (2, 2, 1), num_steps=1, filters=4, num_blocks=1, num_heads=1, seed=0)
    >>> noise(tf.zeros([3, 4])).sample(seed=[0, 1]).shape
    TensorShape([3, 2, 2, 1])

    Paper: as of `flow_plus_plus_image`.
    """
    name, where = "dequantization", "flows.dequantization"
    shape = checked_image_shape(image_shape, f"{where}: image_shape")
    size = math.prod(shape)
    assembly = Assembly(name, size, context_size=size, seed=seed, dtype=dtype)
    transformer = MixtureCDF.spec(num_components=num_components).fast("sample")

    def make_layer(index: int, layer_seed: int) -> Coupling:
        network = GatedAttentionNetwork(
            filters,
            num_blocks=num_blocks,
            num_heads=num_heads,
            context_shape=shape,
            seed=layer_seed,
            dtype=dtype,
        )
        return Coupling(network, transformer, checkerboard_mask(shape, index % 2))

    layers = assembly.layers(make_layer, num_steps, "num_steps")
    return assembly.flow([to_image(shape), *layers])
