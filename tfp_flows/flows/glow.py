"""Glow."""

import functools
import math
from collections.abc import Sequence
from typing import Unpack

from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import (
    Affine,
    Coupling,
    Invert,
    Squeeze,
    TransformerSpec,
    channel_mask,
)
from tfp_flows.checks import checked_count
from tfp_flows.conditioners import ConvolutionalNetwork
from tfp_flows.flows.assembly import Assembly
from tfp_flows.flows.image import glow_step, multi_scale_flow, squeezable
from tfp_flows.flows.options import Activation, FlowOptions, FlowOrFamily
from tfp_flows.flows.ready_made import ready_made
from tfp_flows.random_state import split_seed


@ready_made
def glow(
    image_shape: Sequence[int],
    *,
    num_levels: int = 2,
    num_steps: int = 4,
    transformer: TransformerSpec | None = None,
    hidden_units: Sequence[int] = (64, 64),
    kernel_size: Sequence[int] | int = (3, 1, 3),
    activation: Activation = "relu",
    **options: Unpack[FlowOptions],
) -> FlowOrFamily:
    """Images: levels of ActNorm, 1×1 convolution and coupling by channels.

    Each level squeezes the image, takes ``num_steps`` such steps, and is done with half
    of the channels, of which a last coupling takes off what the other half tells of
    them (the conditional prior of the paper). ``log_prob`` and ``sample`` cost the
    same, one evaluation of each network. ``FlowModel.fit`` starts ActNorm from data.

    Integers from 0 to 255, or others, are for `tfp_flows.distributions.Dequantized`;
    the context may be a class in one-hot form (`tfp_flows.networks.OneHot`).

    Args:
        image_shape: ``(H, W, C)``, rows, columns and channels; H and W multiples of
            2 to the number of levels. D = H·W·C.
        num_levels: how many levels.
        num_steps: of each level.
        hidden_units: width of each hidden convolution of each network.
        kernel_size: of each convolution, the last one too, or of all; odd.
        activation: of the hidden convolutions.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.glow((4, 4, 1), num_steps=1, hidden_units=[8], seed=0,
    ...                             kernel_size=3)
    >>> flow.sample(2, seed=[0, 1]).shape
    TensorShape([2, 4, 4, 1])

    Paper: Kingma and Dhariwal (2018), Glow: generative flow with invertible 1×1
    convolutions.
    """
    num_levels = checked_count(num_levels, "flows.glow: num_levels")
    num_steps = checked_count(num_steps, "flows.glow: num_steps")
    image_shape = squeezable(image_shape, num_levels, "flows.glow")
    assembly = Assembly("glow", math.prod(image_shape), **options)
    transformer = Affine.spec() if transformer is None else transformer
    network = functools.partial(
        ConvolutionalNetwork, activation=activation, **assembly.network_options
    )

    def make_level(shape, is_last: bool, seed: int) -> list[tfb.Bijector]:
        mask = channel_mask([shape[0] // 2, shape[1] // 2, 4 * shape[2]])
        level = [Invert(Squeeze())]
        for step_seed in split_seed(seed, num_steps):
            level += glow_step(
                network(
                    hidden_units=hidden_units, kernel_size=kernel_size, seed=step_seed
                ),
                transformer,
                mask,
                seed=step_seed,
                dtype=assembly.variable_dtype,
            )
        if not is_last:
            prior = network(hidden_units=[], kernel_size=3, seed=split_seed(seed, 1)[0])
            level.append(Coupling(prior, transformer, mask))
        return level

    return multi_scale_flow(assembly, image_shape, make_level, num_levels)
