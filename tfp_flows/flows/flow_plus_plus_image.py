"""Flow++ of images, and its noise."""

import math
from collections.abc import Sequence

from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import (
    Coupling,
    MixtureCDF,
    Squeeze,
    channel_mask,
    checkerboard_mask,
)
from tfp_flows.checks import checked_count, checked_image_shape
from tfp_flows.conditioners import GatedAttentionNetwork
from tfp_flows.distributions import Family
from tfp_flows.flows.flow import Flow, flow_dtype, make_flow
from tfp_flows.flows.image import glow_step, require_pixels, squeezable
from tfp_flows.math import split_seed


def flow_plus_plus_image(
    image_shape: Sequence[int],
    *,
    num_levels: int = 2,
    num_steps: int = 4,
    num_components: int = 8,
    filters: int = 32,
    num_blocks: int = 2,
    num_heads: int = 4,
    context_size: int | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Couplings by mixtures of logistics, with attention; events are images.

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
            last level.
        num_levels: how many resolutions.
        num_steps: of each.
        num_components: of each mixture.
        filters: width of the networks.
        num_blocks: of each network.
        num_heads: of the attention; it divides ``filters``.
        context_size: C, to make it a `tfp_flows.distributions.Family`, whose
            networks see a context of that size; ``None`` for none.
        base: of event shape [H·W·C]; a standard normal if not given.
        seed: of the initial weights and rotations.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an image shape that is not three positive integers, more levels than
            it allows, a count below 1, a base of another event shape.
        TypeError: a size that is no integer, a dtype that is not floating, a base of
            another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.flow_plus_plus_image(
    ...     (4, 4, 1), num_steps=1, filters=8, num_blocks=1, num_heads=2, seed=0)
    >>> flow.log_prob(flow.sample(2, seed=[0, 1])).shape
    TensorShape([2])

    Paper: Ho, Chen, Srinivas, Duan and Abbeel (2019), Flow++: improving flow-based
    generative models with variational dequantization and architecture design.
    """
    name, own_dtype = "flow_plus_plus_image", flow_dtype(dtype, "flow_plus_plus_image")
    num_levels = checked_count(num_levels, f"flows.{name}: num_levels")
    num_steps = checked_count(num_steps, f"flows.{name}: num_steps")
    image = squeezable(image_shape, num_levels - 1, name)
    require_pixels(image, num_levels, name)
    options = {"filters": filters, "num_blocks": num_blocks, "num_heads": num_heads}
    options |= {"context_size": context_size, "dtype": dtype}
    from_image, shape = [], image
    for level, level_seed in enumerate(split_seed(seed, num_levels)):
        num_by_channel = (num_steps + 1) // 2 if level else 0
        if level:
            from_image.append(tfb.Invert(Squeeze()))
            shape = [shape[0] // 2, shape[1] // 2, 4 * shape[2]]
        for step, step_seed in enumerate(split_seed(level_seed, num_steps)):
            make_mask = channel_mask if step < num_by_channel else checkerboard_mask
            from_image += glow_step(
                GatedAttentionNetwork(**options, seed=step_seed),
                MixtureCDF.spec(num_components=num_components),
                make_mask(shape, step % 2),
                seed=step_seed,
                dtype=own_dtype,
            )
    size = math.prod(image)
    to_image = tfb.Reshape(event_shape_out=shape, event_shape_in=[size])
    return make_flow(
        [to_image, *from_image[::-1]],
        event_size=size,
        base=base,
        context_size=context_size,
        dtype=dtype,
        name=name,
    )


def dequantization(
    image_shape: Sequence[int],
    *,
    num_steps: int = 4,
    num_components: int = 8,
    filters: int = 32,
    num_blocks: int = 2,
    num_heads: int = 4,
    seed: int | None = None,
    dtype="float32",
) -> Family:
    """The noise of Flow++: a flow of images, given the image that it is added to.

    Couplings as in `flow_plus_plus_image`, by checkerboards in turns, whose networks
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
        seed: of the initial weights.
        dtype: as in `flow_plus_plus_image`.

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
    name = "dequantization"
    shape = checked_image_shape(image_shape, f"flows.{name}: image_shape")
    num_steps = checked_count(num_steps, f"flows.{name}: num_steps")
    options = {"filters": filters, "num_blocks": num_blocks, "num_heads": num_heads}
    options |= {"context_shape": shape, "dtype": dtype}
    transformer = MixtureCDF.spec(num_components=num_components).invert()
    couplings = [
        Coupling(
            GatedAttentionNetwork(**options, seed=step_seed),
            transformer,
            checkerboard_mask(shape, step % 2),
        )
        for step, step_seed in enumerate(split_seed(seed, num_steps))
    ]
    size = math.prod(shape)
    to_image = tfb.Reshape(event_shape_out=shape, event_shape_in=[size])
    return make_flow(
        [to_image, *couplings],
        event_size=size,
        base=None,
        context_size=size,
        dtype=dtype,
        name=name,
    )
