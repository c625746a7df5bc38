"""Checks of the levels of a multi-scale architecture."""

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.stages import in_order


def level_shapes(
    levels: Sequence[tfb.Bijector], image_shape: list[int], where: str
) -> list[list[int]]:
    """The shapes of the images that each level's ``inverse`` gives.

    Raises:
        TypeError: levels that are no bijectors.
        ValueError: a level that does not take the image before it, or gives no image
            whose channels split in halves.
    """
    shapes, shape = [], image_shape
    for i, level in enumerate(levels):
        if not isinstance(level, tfb.Bijector):
            raise TypeError(f"{where}: levels must be bijectors, but got {level!r}.")
        try:
            image = level.inverse_event_shape(tf.TensorShape(shape)).as_list()
        except ValueError as error:
            raise ValueError(
                f"{where}: level {i} would get images of shape {list(shape)}, which "
                f"it does not take; an image of shape {tuple(image_shape)} does not "
                f"allow {len(levels)} such levels: {error}"
            ) from error
        if len(image) != 3:
            raise ValueError(
                f"{where}: levels must give images, but got level {i}, "
                f"which gives the shape {image} for images of shape {list(shape)}."
            )
        if i < len(levels) - 1 and image[2] % 2:
            raise ValueError(
                f"{where}: level {i} gives images of shape {image}, whose channels do "
                "not split in halves."
            )
        shapes.append(image)
        shape = [*image[:2], image[2] // 2]
    return shapes


def common_dtype(levels: Sequence[tfb.Bijector], where: str) -> tf.DType | None:
    """The dtype that the levels share, ``None`` if they have none.

    Raises:
        TypeError: two differ.
    """
    # A chain does not say: its parts do.
    dtypes = {part.dtype for level in levels for part in in_order(level)} - {None}
    if len(dtypes) > 1:
        raise TypeError(
            f"{where}: the levels must share a dtype, but got "
            f"{sorted(dtype.name for dtype in dtypes)}."
        )
    return dtypes.pop() if dtypes else None
