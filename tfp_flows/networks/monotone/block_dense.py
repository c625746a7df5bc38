"""A layer of a block network: positive blocks on the diagonal, free ones below."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.networks.column_dense import ColumnDense


class BlockDense(keras.layers.Layer):
    """W h + b for units in D blocks, of which each sees its own and those before.

    W is block-triangular. The blocks on its diagonal are positive, as exp of weights;
    those below are any real numbers, and start at zero. Units are ``[D, units, N]``:
    a block for each dimension, the batch last.

    Args:
        num_blocks: D.
        units: of the output, in each block.
        **kwargs: the other arguments of ``keras.layers.Layer``.
    """

    def __init__(self, num_blocks: int, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_blocks = num_blocks
        self.units = units

    def build(self, input_shape: Sequence) -> None:
        """Makes the weights, for blocks of size ``input_shape[1]``."""
        self.inputs = input_shape[1]
        shape = (self.num_blocks, self.units, self.inputs)
        self.log_diagonal = self.add_weight(
            shape=shape, initializer="zeros", name="log_diagonal"
        )
        self.bias = self.add_weight(
            shape=(*shape[:2], 1), initializer="zeros", name="bias"
        )
        self.lower = None
        before = self.num_blocks - 1
        if before:  # From all blocks but the last one to all but the first one.
            blocks = np.arange(before)
            self.lower = ColumnDense(
                before * self.units,
                degrees=(blocks.repeat(self.inputs), blocks.repeat(self.units)),
                use_bias=False,
                dtype=self.dtype_policy,
                trainable=self.trainable,
            )
            self.lower.build((before * self.inputs, None))

    def diagonal(self) -> tf.Tensor:
        """The blocks on the diagonal, ``[D, units, inputs]``, positive."""
        return tf.exp(tf.convert_to_tensor(self.log_diagonal))

    def below(self) -> tf.Tensor:
        """W without its diagonal blocks, ``[D, units, D, inputs]``."""
        size, before = self.num_blocks, self.num_blocks - 1
        if self.lower is None:
            return tf.zeros([size, self.units, size, self.inputs], self.dtype)
        kernel = self.lower.masked_kernel()
        kernel = tf.reshape(kernel, [before, self.units, before, self.inputs])
        return tf.pad(kernel, [[1, 0], [0, 0], [0, 1], [0, 0]])

    def call(self, h: tf.Tensor) -> tf.Tensor:
        """The output, ``[D, units, N]``."""
        product = tf.matmul(self.diagonal(), h) + self.bias
        if self.lower is None:
            return product
        before = self.num_blocks - 1
        flat = tf.reshape(h[:-1], [before * self.inputs, tf.shape(h)[-1]])
        added = tf.reshape(self.lower(flat), [before, self.units, tf.shape(h)[-1]])
        return product + tf.pad(added, [[1, 0], [0, 0], [0, 0]])
