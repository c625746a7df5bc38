"""The two parts of an event in a coupling: what is kept and what is changed.

A partition takes points ``[N, *event_shape]`` apart in the layout that its network and
its transformer work in, and puts them together again.
"""

import numpy as np
import tensorflow as tf

from tfp_flows.math import permute


class VectorPartition:
    """Of vectors, as columns ``[D, N]``: contiguous where dimensions are chosen.

    Args:
        mask: ``[D]``, true for what passes through.
    """

    axis = 1  # Where the K numbers of the parameters are.

    def __init__(self, mask: np.ndarray):
        # The identity half comes first; both halves keep their order.
        self._order = np.argsort(~mask, kind="stable")
        self._sizes = [int(mask.sum()), int((~mask).sum())]
        self._mask = mask
        # Halves that are contiguous are split and joined without a gather.
        self._is_contiguous = int(np.count_nonzero(mask[1:] != mask[:-1])) == 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of what the network sees of one point."""
        return (self._sizes[0],)

    def output_shape(self, num_params: int) -> tuple[int, ...]:
        """Of what it gives, with K numbers for each dimension that is transformed."""
        return (self._sizes[1] * num_params,)

    def split(self, x) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """What the network sees, the identity half and the transformed half."""
        columns = tf.transpose(x)
        if not self._is_contiguous:
            columns = permute(columns, self._order, axis=0)
        elif not self._mask[0]:
            second, first = tf.split(columns, self._sizes[::-1])
            return tf.transpose(first), first, second
        first, second = tf.split(columns, self._sizes)
        return tf.transpose(first), first, second

    def parameters(self, output, num_params: int) -> tf.Tensor:
        """The network's output as parameters of the transformed half."""
        return tf.reshape(tf.transpose(output), [self._sizes[1], num_params, -1])

    def sum(self, log_slopes, half) -> tf.Tensor:
        """Over the dimensions of a point, ``[N]``."""
        # A transformer's log-determinant may be the same for all points.
        return tf.reduce_sum(tf.broadcast_to(log_slopes, tf.shape(half)), axis=0)

    def join(self, first, second) -> tf.Tensor:
        """Both halves in their places."""
        if self._is_contiguous:
            halves = [first, second] if self._mask[0] else [second, first]
            return tf.transpose(tf.concat(halves, axis=0))
        columns = tf.concat([first, second], axis=0)
        return tf.transpose(permute(columns, np.argsort(self._order), axis=0))


class ChannelPartition:
    """Of images, by channels: each part is an image of some of them.

    Args:
        mask: ``[H, W, C]``, the same at each pixel.
    """

    axis = -1

    def __init__(self, mask: np.ndarray):
        self._order = np.argsort(~mask[0, 0], kind="stable")
        self._num_kept = int(mask[0, 0].sum())
        self._num_changed = mask.shape[-1] - self._num_kept
        self._pixels = mask.shape[:2]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """As of `VectorPartition`."""
        return (*self._pixels, self._num_kept)

    def output_shape(self, num_params: int) -> tuple[int, ...]:
        """As of `VectorPartition`."""
        return (*self._pixels, self._num_changed * num_params)

    def split(self, x) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """As of `VectorPartition`."""
        x = permute(x, self._order)
        kept, changed = x[..., : self._num_kept], x[..., self._num_kept :]
        return kept, kept, changed

    def parameters(self, output, num_params: int) -> tf.Tensor:
        """As of `VectorPartition`."""
        shape = [-1, *self._pixels, self._num_changed, num_params]
        return tf.reshape(output, shape)

    def sum(self, log_slopes, changed) -> tf.Tensor:
        """As of `VectorPartition`."""
        return tf.reduce_sum(
            tf.broadcast_to(log_slopes, tf.shape(changed)), axis=[1, 2, 3]
        )

    def join(self, kept, moved) -> tf.Tensor:
        """As of `VectorPartition`."""
        return permute(tf.concat([kept, moved], axis=-1), np.argsort(self._order))


class PixelPartition:
    """Of images, by any mask: the network sees zeros in place of what is changed.

    It gives parameters for all pixels and channels, those of what is kept for nothing.

    Args:
        mask: ``[H, W, C]``.
    """

    axis = -1

    def __init__(self, mask: np.ndarray):
        self._mask = mask

    @property
    def input_shape(self) -> tuple[int, ...]:
        """As of `VectorPartition`."""
        return self._mask.shape

    def output_shape(self, num_params: int) -> tuple[int, ...]:
        """As of `VectorPartition`."""
        return (*self._mask.shape[:2], self._mask.shape[2] * num_params)

    def split(self, x) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """As of `VectorPartition`."""
        kept = tf.where(self._mask, x, tf.zeros_like(x))
        return kept, kept, x - kept

    def parameters(self, output, num_params: int) -> tf.Tensor:
        """As of `VectorPartition`."""
        return tf.reshape(output, [-1, *self._mask.shape, num_params])

    def sum(self, log_slopes, changed) -> tf.Tensor:
        """As of `VectorPartition`."""
        log_slopes = tf.where(self._mask, tf.zeros_like(changed), log_slopes)
        return tf.reduce_sum(log_slopes, axis=[1, 2, 3])

    def join(self, kept, moved) -> tf.Tensor:
        """As of `VectorPartition`."""
        return tf.where(self._mask, kept, moved)


Partition = VectorPartition | ChannelPartition | PixelPartition


def partition_of(mask: np.ndarray) -> Partition:
    """The partition by a mask of booleans, ``[D]`` or ``[H, W, C]``."""
    if mask.ndim == 1:
        return VectorPartition(mask)
    is_by_channel = (mask == mask[:1, :1]).all()
    return ChannelPartition(mask) if is_by_channel else PixelPartition(mask)
