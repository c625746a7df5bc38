"""The two parts of an event in a coupling: what is kept and what is changed.

A partition takes points ``[N, *event_shape]`` apart in the layout that its network and
its transformer work in, and puts them together again.
"""

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.elementwise.elementwise import TransformerSpec
from tfp_flows.math import permute


class VectorPartition:
    """Of vectors, as columns ``[D, N]``: contiguous where dimensions are chosen.

    Args:
        mask: ``[D]``, true for what is kept.
    """

    def __init__(self, mask: np.ndarray):
        # What is kept comes first; both groups keep their order.
        self._order = np.argsort(~mask, kind="stable")
        self._num_kept = int(mask.sum())
        self._num_changed = mask.size - self._num_kept

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of what the network sees of one point."""
        return (self._num_kept,)

    def output_shape(self, num_params: int) -> tuple[int, ...]:
        """Of what it gives, with K numbers for each dimension that is changed."""
        return (self._num_changed * num_params,)

    def split(self, x) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """What the network sees, what is kept and what is changed."""
        columns = permute(tf.transpose(x), self._order, axis=0)
        kept, changed = columns[: self._num_kept], columns[self._num_kept :]
        return tf.transpose(kept), kept, changed

    def transformer(self, spec: TransformerSpec, params, **options) -> tfb.Bijector:
        """Of what is changed, with the network's output for parameters."""
        shape = [self._num_changed, spec.num_params, -1]
        return spec(tf.reshape(tf.transpose(params), shape), axis=1, **options)

    def sum(self, log_slopes, changed) -> tf.Tensor:
        """Over the dimensions of a point, ``[N]``."""
        # A transformer's log-determinant may be the same for all points.
        return tf.reduce_sum(tf.broadcast_to(log_slopes, tf.shape(changed)), axis=0)

    def join(self, kept, moved) -> tf.Tensor:
        """Both parts in their places."""
        columns = tf.concat([kept, moved], axis=0)
        return tf.transpose(permute(columns, np.argsort(self._order), axis=0))


class ChannelPartition:
    """Of images, by channels: each part is an image of some of them.

    Args:
        mask: ``[H, W, C]``, the same at each pixel.
    """

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

    def transformer(self, spec: TransformerSpec, params, **options) -> tfb.Bijector:
        """As of `VectorPartition`."""
        shape = [-1, *self._pixels, self._num_changed, spec.num_params]
        return spec(tf.reshape(params, shape), **options)

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

    def transformer(self, spec: TransformerSpec, params, **options) -> tfb.Bijector:
        """As of `VectorPartition`."""
        return spec(
            tf.reshape(params, [-1, *self._mask.shape, spec.num_params]), **options
        )

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
