"""The identity half and the transformed half of an event in a coupling.

A partition splits points ``[N, *event_shape]`` in the layout that its network and its
transformer work in, and joins them again.
"""

import abc
from collections.abc import Hashable

import numpy as np
import tensorflow as tf

from tfp_flows.math import permute


class Partition(abc.ABC):
    """A split of points into an identity half and a transformed half."""

    axis: int  # The axis of the K numbers of the parameters.
    batch_axis: int  # The axis of a transformed half that counts points.

    @property
    @abc.abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input of the network."""

    @abc.abstractmethod
    def output_shape(self, num_params: int) -> tuple[int, ...]:
        """The shape of one output, K numbers for each dimension that it transforms."""

    @property
    @abc.abstractmethod
    def structure(self) -> Hashable:
        """All that `parameters` and `sum` depend on."""

    @abc.abstractmethod
    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The network's input, the identity half and the transformed half."""

    @abc.abstractmethod
    def parameters(self, output: tf.Tensor, num_params: int) -> tf.Tensor:
        """The network's output as parameters of the transformed half."""

    @abc.abstractmethod
    def sum(self, log_slopes: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
        """The sum over the dimensions of each point, ``[N]``.

        Args:
            log_slopes: the transformer's, which may be the same for all points.
            half: the transformed half.
        """

    @abc.abstractmethod
    def join(self, identity_half: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
        """The points that have these halves."""


class VectorPartition(Partition):
    """A partition of vectors, as columns ``[D, N]``, which are contiguous to split.

    Args:
        mask: ``[D]``, true for the identity half.
    """

    axis = 1
    batch_axis = 1

    def __init__(self, mask: np.ndarray):
        # The identity half comes first; both halves keep their order.
        self._order = np.argsort(~mask, kind="stable")
        self._sizes = [int(mask.sum()), int((~mask).sum())]
        self._mask = mask
        # Halves that are contiguous are split and joined without a gather.
        self._is_contiguous = int(np.count_nonzero(mask[1:] != mask[:-1])) == 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self._sizes[0],)

    def output_shape(self, num_params: int) -> tuple[int, ...]:
        return (self._sizes[1] * num_params,)

    @property
    def structure(self) -> Hashable:
        return type(self), *self._sizes

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        columns = tf.transpose(x)
        if not self._is_contiguous:
            columns = permute(columns, self._order, axis=0)
        elif not self._mask[0]:
            second, first = tf.split(columns, self._sizes[::-1])
            return tf.transpose(first), first, second
        first, second = tf.split(columns, self._sizes)
        return tf.transpose(first), first, second

    def parameters(self, output: tf.Tensor, num_params: int) -> tf.Tensor:
        return tf.reshape(tf.transpose(output), [self._sizes[1], num_params, -1])

    def sum(self, log_slopes: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.broadcast_to(log_slopes, tf.shape(half)), axis=0)

    def join(self, identity_half: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
        if self._is_contiguous:
            is_first = self._mask[0]
            halves = [identity_half, half] if is_first else [half, identity_half]
            return tf.transpose(tf.concat(halves, axis=0))
        columns = tf.concat([identity_half, half], axis=0)
        return tf.transpose(permute(columns, np.argsort(self._order), axis=0))


class ChannelPartition(Partition):
    """A partition of images by channels: each half is an image of some of them.

    Args:
        mask: ``[H, W, C]``, the same at each pixel, true for the identity half.
    """

    axis = -1
    batch_axis = 0

    def __init__(self, mask: np.ndarray):
        self._order = np.argsort(~mask[0, 0], kind="stable")
        self._sizes = [int(mask[0, 0].sum()), int((~mask[0, 0]).sum())]
        self._pixels = mask.shape[:2]

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (*self._pixels, self._sizes[0])

    def output_shape(self, num_params: int) -> tuple[int, ...]:
        return (*self._pixels, self._sizes[1] * num_params)

    @property
    def structure(self) -> Hashable:
        return type(self), *self._pixels, *self._sizes

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        x = permute(x, self._order)
        identity_half, half = x[..., : self._sizes[0]], x[..., self._sizes[0] :]
        return identity_half, identity_half, half

    def parameters(self, output: tf.Tensor, num_params: int) -> tf.Tensor:
        return tf.reshape(output, [-1, *self._pixels, self._sizes[1], num_params])

    def sum(self, log_slopes: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
        log_slopes = tf.broadcast_to(log_slopes, tf.shape(half))
        return tf.reduce_sum(log_slopes, axis=[1, 2, 3])

    def join(self, identity_half: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
        x = tf.concat([identity_half, half], axis=-1)
        return permute(x, np.argsort(self._order))


class PixelPartition(Partition):
    """A partition of images by any mask: both halves are whole images.

    The network sees zeros in place of the transformed half. It gives parameters for all
    pixels and channels; those of the identity half are not used.

    Args:
        mask: ``[H, W, C]``, true for the identity half.
    """

    axis = -1
    batch_axis = 0

    def __init__(self, mask: np.ndarray):
        self._mask = mask

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self._mask.shape

    def output_shape(self, num_params: int) -> tuple[int, ...]:
        return (*self._mask.shape[:2], self._mask.shape[2] * num_params)

    @property
    def structure(self) -> Hashable:
        return type(self), self._mask.shape, self._mask.tobytes()

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        identity_half = tf.where(self._mask, x, tf.zeros_like(x))
        return identity_half, identity_half, x - identity_half

    def parameters(self, output: tf.Tensor, num_params: int) -> tf.Tensor:
        return tf.reshape(output, [-1, *self._mask.shape, num_params])

    def sum(self, log_slopes: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
        log_slopes = tf.where(self._mask, tf.zeros_like(half), log_slopes)
        return tf.reduce_sum(log_slopes, axis=[1, 2, 3])

    def join(self, identity_half: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
        return tf.where(self._mask, identity_half, half)


def partition_of(mask: np.ndarray) -> Partition:
    """The partition by a mask of booleans, ``[D]`` or ``[H, W, C]``."""
    if mask.ndim == 1:
        return VectorPartition(mask)
    is_by_channel = (mask == mask[:1, :1]).all()
    return ChannelPartition(mask) if is_by_channel else PixelPartition(mask)
