"""Masks of the pixels and channels of an image that a coupling passes through."""

import operator
from collections.abc import Sequence

import numpy as np

from tfp_flows.checks import checked_image_shape


def checkerboard_mask(image_shape: Sequence[int], parity: int = 0) -> np.ndarray:
    """The white squares of a checkerboard, ``[H, W, C]``.

    Args:
        image_shape: ``(H, W, C)``.
        parity: an integer; the mask is true where row plus column is even if it is
            even, and where it is odd if it is odd.

    Raises:
        TypeError: no shape of an image; a parity that is no integer.
        ValueError: no shape of an image, or one of a single pixel.

    >>> checkerboard_mask((2, 3, 1))[..., 0].astype(int)
    array([[1, 0, 1],
           [0, 1, 0]])
    """
    shape = checked_image_shape(image_shape, "checkerboard_mask: image_shape")
    if shape[0] * shape[1] < 2:
        raise ValueError(
            "checkerboard_mask: a checkerboard needs 2 pixels or more, but got "
            f"image_shape={shape}."
        )
    rows, columns, _ = np.indices(shape)
    return (rows + columns + _checked_parity(parity, "checkerboard_mask")) % 2 == 0


def channel_mask(image_shape: Sequence[int], parity: int = 0) -> np.ndarray:
    """The first half of the channels (of an odd number the larger), ``[H, W, C]``.

    Args:
        image_shape: ``(H, W, C)``.
        parity: an integer; the mask is true for the first half if it is even, and for
            the second if it is odd.

    Raises:
        TypeError: no shape of an image; a parity that is no integer.
        ValueError: no shape of an image, or one of a single channel.

    >>> channel_mask((1, 1, 4))
    array([[[ True,  True, False, False]]])
    """
    shape = checked_image_shape(image_shape, "channel_mask: image_shape")
    if shape[2] < 2:
        raise ValueError(
            "channel_mask: one channel does not split in two, but got image_shape="
            f"{shape}: squeeze the image before, or use a checkerboard_mask."
        )
    first = np.arange(shape[2]) < (shape[2] + 1) // 2
    return np.broadcast_to(
        ~first if _checked_parity(parity, "channel_mask") else first, shape
    )


def _checked_parity(parity, where: str) -> int:
    try:
        return operator.index(parity) % 2
    except TypeError:
        raise TypeError(
            f"{where}: parity must be an integer, but got {parity!r}."
        ) from None
