"""RealNVP of images."""

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
    checkerboard_mask,
)
from tfp_flows.checks import checked_count
from tfp_flows.conditioners import ConvolutionalResidualNetwork
from tfp_flows.flows.assembly import Assembly
from tfp_flows.flows.image import multi_scale_flow, with_checkerboards
from tfp_flows.flows.options import Activation, FlowOptions, FlowOrFamily
from tfp_flows.flows.ready_made import ready_made
from tfp_flows.random_state import split_seed


@ready_made
def real_nvp_image(
    image_shape: Sequence[int],
    *,
    num_levels: int = 2,
    num_steps: int = 3,
    transformer: TransformerSpec | None = None,
    filters: int = 32,
    num_blocks: int = 2,
    activation: Activation = "relu",
    **options: Unpack[FlowOptions],
) -> FlowOrFamily:
    """Images: couplings by checkerboards and by channels, at several scales.

    Each level but the last has ``num_steps`` couplings by a checkerboard and its
    opposite alternately, squeezes the image, has as many by one half of the channels
    and the other, and is done with half of them. The last has ``num_steps`` + 1 by
    checkerboards. ``log_prob`` and ``sample`` cost the same, one evaluation of each
    network. (The paper also puts `tfp_flows.bijectors.BatchNormalization` between.)

    Args:
        image_shape: ``(H, W, C)``, rows, columns and channels; H and W multiples of
            2 to the number of levels less 1, so that 2 pixels or more are left at the
            last level. D = H·W·C.
        num_levels: how many levels.
        num_steps: couplings of each kind at each level.
        filters: width of the residual networks.
        num_blocks: of each residual network.
        activation: of these networks.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.real_nvp_image(
    ...     (4, 4, 1), num_steps=1, filters=8, num_blocks=1, seed=0)
    >>> flow.sample(2, seed=[0, 1]).shape
    TensorShape([2, 4, 4, 1])

    Paper: Dinh, Sohl-Dickstein and Bengio (2017), Density estimation using Real NVP.
    """
    where = "flows.real_nvp_image"
    num_steps = checked_count(num_steps, f"{where}: num_steps")
    image_shape = with_checkerboards(image_shape, num_levels, where)
    assembly = Assembly("real_nvp_image", math.prod(image_shape), **options)
    transformer = Affine.spec() if transformer is None else transformer
    network = functools.partial(
        ConvolutionalResidualNetwork,
        filters,
        num_blocks=num_blocks,
        activation=activation,
        **assembly.network_options,
    )

    def couplings(make_mask, shape, seeds) -> list[Coupling]:
        return [
            Coupling(network(seed=seed), transformer, make_mask(shape, parity % 2))
            for parity, seed in enumerate(seeds)
        ]

    def make_level(shape, is_last: bool, seed: int) -> list[tfb.Bijector]:
        seeds = split_seed(seed, 2 * num_steps + 1)
        if is_last:
            return couplings(checkerboard_mask, shape, seeds[: num_steps + 1])
        squeezed = [shape[0] // 2, shape[1] // 2, 4 * shape[2]]
        return [
            *couplings(checkerboard_mask, shape, seeds[:num_steps]),
            Invert(Squeeze()),
            *couplings(channel_mask, squeezed, seeds[num_steps:-1]),
        ]

    return multi_scale_flow(assembly, image_shape, make_level, num_levels)
