"""Which pixels and channels of an image a coupling keeps."""

import operator
from collections.abc import Sequence

import numpy as np

from tfp_flows.checks import checked_image_shape


def checkerboard_mask(image_shape: Sequence[int], turn: int = 0) -> np.ndarray:
    """The white squares of a checkerboard, ``[H, W, C]``.

    Args:
        image_shape: ``(H, W, C)``.
        turn: row plus column is even where the mask is true if this is even, and odd
            if this is odd.

    Raises:
        TypeError: no shape of an image; a turn that is no integer.
        ValueError: no shape of an image, or one of a single pixel.

    >>> checkerboard_mask((2, 3, 1))[..., 0].astype(int)
    array([[1, 0, 1],
           [0, 1, 0]])
    """
    shape = checked_image_shape(image_shape, "checkerboard_mask: image_shape")
    if shape[0] * shape[1] < 2:
        raise ValueError(
            "checkerboard_mask: a checkerboard needs 2 pixels or more, but image_shape "
            f"is {shape}."
        )
    rows, columns, _ = np.indices(shape)
    return (rows + columns + _parity(turn, "checkerboard_mask")) % 2 == 0


def channel_mask(image_shape: Sequence[int], turn: int = 0) -> np.ndarray:
    """The first half of the channels (of an odd number the larger), ``[H, W, C]``.

    Args:
        image_shape: ``(H, W, C)``.
        turn: the mask is true for the first half if this is even, and for the second
            if this is odd.

    Raises:
        TypeError: no shape of an image; a turn that is no integer.
        ValueError: no shape of an image, or one of a single channel.

    >>> channel_mask((1, 1, 4))
    array([[[ True,  True, False, False]]])
    """
    shape = checked_image_shape(image_shape, "channel_mask: image_shape")
    if shape[2] < 2:
        raise ValueError(
            "channel_mask: one channel does not split in two; squeeze the image "
            f"before, or use a checkerboard_mask. image_shape is {shape}."
        )
    first = np.arange(shape[2]) < (shape[2] + 1) // 2
    return np.broadcast_to(~first if _parity(turn, "channel_mask") else first, shape)


def _parity(turn, where: str) -> int:
    try:
        return operator.index(turn) % 2
    except TypeError:
        raise TypeError(
            f"{where}: turn must be an integer, but got {turn!r}."
        ) from None
