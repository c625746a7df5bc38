"""The parts of flows of images: levels of which each squeezes the image."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import (
    ActNorm,
    Chain,
    Coupling,
    InvertibleConvolution1x1,
    MultiScale,
    TransformerSpec,
)
from tfp_flows.checks import checked_count, checked_image_shape
from tfp_flows.flows.assembly import Assembly
from tfp_flows.flows.options import DType, FlowOrFamily

# Called as ``make_level(shape, is_last, seed)``, it makes the bijectors of a level from
# the image on: its shape there, and whether it is the last, which need not leave
# channels to another.
MakeLevel = Callable[[list[int], bool, int], list[tfb.Bijector]]


def multi_scale_flow(
    assembly: Assembly,
    image_shape: list[int],
    make_level: MakeLevel,
    num_levels: int,
) -> FlowOrFamily:
    """Make a `MultiScale` of levels that squeeze the image, and of which half goes on.

    Args:
        assembly: of the flow.
        image_shape: ``(H, W, C)``.
        make_level: makes the bijectors of a level.
        num_levels: how many.
    """
    rows, columns, channels = image_shape

    def make_one(index: int, seed: int) -> tfb.Bijector:
        factor = 2**index  # A level makes four channels of one, and half of them stay.
        shape = [rows // factor, columns // factor, channels * factor]
        return Chain(make_level(shape, index == num_levels - 1, seed))

    levels = assembly.layers(make_one, num_levels, "num_levels")
    return assembly.flow([MultiScale(levels, image_shape)])


def squeezable(image_shape: Sequence[int], num_squeezes: int, where: str) -> list[int]:
    """Give the shape, if so many times a square of pixels can become channels.

    Raises:
        TypeError: no sequence of integers.
        ValueError: no shape of an image, or sides that are not multiples of 2 to the
            number of times.
    """
    shape = checked_image_shape(image_shape, f"{where}: image_shape")
    if any(side % 2**num_squeezes for side in shape[:2]):
        raise ValueError(
            f"{where}: the levels halve the image's sides {num_squeezes} times, so "
            f"that they must be multiples of {2**num_squeezes}, but image_shape is "
            f"{shape}. {_what_fits(shape, num_squeezes)}"
        )
    return shape


def _what_fits(shape: list[int], num_squeezes: int) -> str:
    """How often the sides of an image can be halved, for a message."""
    side = math.gcd(*shape[:2])
    times = (side & -side).bit_length() - 1
    if not times:
        return "They cannot be halved at all: pad or crop the image to even sides."
    return (
        f"They can be halved {times} times: take num_levels less by "
        f"{num_squeezes - times}, or pad or crop the image."
    )


def with_checkerboards(
    image_shape: Sequence[int], num_levels: int, where: str
) -> list[int]:
    """Give the shape, if all levels but the last can squeeze, all have checkerboards.

    Raises:
        TypeError: no sequence of integers, or a number of levels that is none.
        ValueError: what `squeezable` raises, or one pixel is left at the last level.
    """
    num_levels = checked_count(num_levels, f"{where}: num_levels")
    shape = squeezable(image_shape, num_levels - 1, where)
    if math.prod(shape[:2]) < 2 * 4 ** (num_levels - 1):
        raise ValueError(
            f"{where}: a checkerboard needs 2 pixels or more, but of {num_levels} "
            f"levels (num_levels) the last has 1; image_shape is {shape}."
        )
    return shape


def to_image(shape: Sequence[int]) -> tfb.Reshape:
    """Make the bijector from a vector to an image."""
    return tfb.Reshape(event_shape_out=shape, event_shape_in=[math.prod(shape)])


def glow_step(
    network: keras.Layer,
    transformer: TransformerSpec,
    mask: Any,
    *,
    seed: int,
    dtype: DType,
) -> list[tfb.Bijector]:
    """Make ActNorm, a 1×1 convolution and a coupling, from the image on.

    Args:
        network: the coupling's.
        transformer: of the coupling.
        mask: of the coupling, ``[H, W, C]``.
        seed: of the convolution's rotation.
        dtype: of the flow.
    """
    channels = mask.shape[-1]
    return [
        ActNorm.trainable(channels, dtype=dtype),
        InvertibleConvolution1x1.trainable(channels, seed=seed, dtype=dtype),
        Coupling(network, transformer, mask),
    ]
