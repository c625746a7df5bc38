"""What flows of images share: levels of which each squeezes the image."""

import math
from collections.abc import Callable, Sequence

from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import (
    ActNorm,
    Coupling,
    InvertibleConvolution1x1,
    MultiScale,
    TransformerSpec,
)
from tfp_flows.checks import checked_count, checked_image_shape
from tfp_flows.flows.flow import Flow, flow_dtype, make_flow, make_layers

# As `make(shape, is_last, seed)`, the bijectors of a level from the image on: its shape
# there, and whether it is the last, which need not leave channels to another.
MakeLevel = Callable[[list[int], bool, int], list[tfb.Bijector]]


def multi_scale_flow(
    make_level: MakeLevel,
    *,
    squeezes_last: bool,
    image_shape: Sequence[int],
    num_levels: int,
    base: tfd.Distribution | None,
    context_size: int | None,
    seed: int | None,
    dtype,
    name: str,
) -> Flow:
    """A `MultiScale` of levels that squeeze the image, and of which half goes on.

    Args:
        make_level: makes the bijectors of a level.
        squeezes_last: whether the last level squeezes its image, too.
        image_shape: ``(H, W, C)``.
        num_levels: how many.
        base: as for `make_flow`, of event shape [H·W·C].
        context_size: as for `make_flow`.
        seed: of the levels.
        dtype: as for `flow_dtype`.
        name: of the flow.

    Raises:
        TypeError, ValueError: no shape of an image; more levels than it can be
            squeezed for, or, if the last is not squeezed, one pixel there; as
            `make_layers` and `make_flow`.
    """
    flow_dtype(dtype, name)
    num_levels = checked_count(num_levels, f"flows.{name}: num_levels")
    shape = squeezable(image_shape, num_levels - (not squeezes_last), name)
    if not squeezes_last:
        require_pixels(shape, num_levels, name)

    def make_one(index: int, level_seed: int) -> tfb.Bijector:
        rows, columns, channels = shape
        halved = 2**index  # A level makes four channels of one, and half of them stay.
        own = [rows // halved, columns // halved, channels * halved]
        return tfb.Chain(make_level(own, index == num_levels - 1, level_seed))

    levels = make_layers(make_one, num_layers=num_levels, seed=seed, name=name)
    return make_flow(
        [MultiScale(levels, shape)],
        event_size=math.prod(shape),
        base=base,
        context_size=context_size,
        dtype=dtype,
        name=name,
    )


def squeezable(image_shape: Sequence[int], num_squeezes: int, name: str) -> list[int]:
    """The shape, if so many times a square of pixels can become channels.

    Raises:
        TypeError: no sequence of integers.
        ValueError: no shape of an image, or sides that are not multiples of 2 to the
            number of times.
    """
    shape = checked_image_shape(image_shape, f"flows.{name}: image_shape")
    if any(side % 2**num_squeezes for side in shape[:2]):
        raise ValueError(
            f"flows.{name}: the levels halve the image's sides {num_squeezes} times, "
            f"so that they must be multiples of {2**num_squeezes}, but image_shape is "
            f"{shape}."
        )
    return shape


def require_pixels(image_shape: Sequence[int], num_levels: int, name: str) -> None:
    """Refuses images of which one pixel is left at the last level.

    Raises:
        ValueError: there is no checkerboard of it.
    """
    if math.prod(image_shape[:2]) < 2 * 4 ** (num_levels - 1):
        raise ValueError(
            f"flows.{name}: a checkerboard needs 2 pixels or more, but of {num_levels} "
            f"levels (num_levels) the last has 1; image_shape is {list(image_shape)}."
        )


def glow_step(
    network, transformer: TransformerSpec, mask, *, seed: int, dtype
) -> list[tfb.Bijector]:
    """ActNorm, a 1×1 convolution and a coupling, from the image on.

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
