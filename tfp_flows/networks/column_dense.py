"""A dense layer on columns, with a mask that costs nothing where it can."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.random_state import Seed, as_integer

# Rows of outputs that are computed together where a mask lets inputs be left out.
# Narrower products were measured to lose more than the zeros that they skip.
_ROWS = 256


class ColumnDense(keras.layers.Layer):
    """W h + b for columns h ``[input, N]``: a dense layer with the batch last.

    With the batch last, what is read out of a network's output is contiguous. W is
    ``[units, input]``, as in the formula: XLA on a CPU multiplies with a transposed
    matrix up to a quarter slower.

    Args:
        units: size of the output.
        degrees: those of the inputs and those of the outputs, two arrays of integers,
            for a mask: an output sees the inputs of no higher degree than its own.
            Columns of zeros at the end of a block of rows are not multiplied. (The mask
            itself would be a constant of the kernel's size in each graph.)
        use_bias: whether there is a b.
        seed: of the initial weights, or ``None`` to start at zero.
        **kwargs: the other arguments of ``keras.layers.Layer``.
    """

    def __init__(
        self,
        units: int,
        *,
        degrees: tuple[np.ndarray, np.ndarray] | None = None,
        use_bias: bool = True,
        seed: Seed = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.degrees = degrees
        self.use_bias = use_bias
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    def build(self, input_shape: Sequence) -> None:
        """Makes the weights, for columns of size ``input_shape[0]``."""
        shape = (self.units, input_shape[0])
        self.kernel = self.add_weight(
            shape=shape, initializer=self._initial_kernel, name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units, 1), initializer=self._initial_bias, name="bias"
            )

    def _num_inputs(self, size: int) -> np.ndarray:
        """Count the inputs that each output really has, ``[units, 1]``."""
        if self.degrees is None:
            return np.full([self.units, 1], size)
        below, above = self.degrees
        return np.maximum(_mask(below, above).sum(axis=1, keepdims=True), 1)

    def _initial_kernel(self, shape, dtype=None):
        if self.seed is None:
            return tf.zeros(shape, dtype)
        values = np.random.default_rng([self.seed, 0]).normal(size=shape)
        if self.degrees is not None:
            below, above = self.degrees
            values = values * _mask(below, above)
        # He's variance.
        return tf.cast(values * np.sqrt(2.0 / self._num_inputs(shape[1])), dtype)

    def _initial_bias(self, shape, dtype=None):
        if self.seed is None:
            return tf.zeros(shape, dtype)
        # Not zero: with few inputs all units would have their kink at 0.
        values = np.random.default_rng([self.seed, 1]).uniform(-1.0, 1.0, size=shape)
        num_inputs = self._num_inputs(self.kernel.shape[1])
        return tf.cast(values / np.sqrt(num_inputs), dtype)

    def masked_kernel(self) -> tf.Tensor:
        """W with zeros where the mask has them, ``[units, input]``."""
        kernel = tf.convert_to_tensor(self.kernel)
        if self.degrees is None:
            return kernel
        below, above = self.degrees
        mask = _mask(tf.constant(below), tf.constant(above))
        return kernel * tf.cast(mask, kernel.dtype)

    def call(self, h: tf.Tensor) -> tf.Tensor:
        """The output, ``[units, N]``."""
        if self.degrees is None:
            product = tf.einsum("ui,in->un", self.kernel, h)
        else:
            product = self._masked_product(h, *self.degrees)
        return product + self.bias if self.use_bias else product

    def _masked_product(self, h, below, above):
        num_parts = max(1, self.units // _ROWS)
        blocks = np.array_split(above, num_parts)
        kernels = [self.masked_kernel()]
        if num_parts > 1:  # Not by slices, each with a gradient of the kernel's size.
            kernels = tf.split(kernels[0], list(map(len, blocks)))
        parts = []
        for kernel, degrees in zip(kernels, blocks, strict=True):
            seen = np.flatnonzero(below <= degrees.max())
            depth = seen[-1] + 1 if seen.size else 1
            parts.append(tf.einsum("ui,in->un", kernel[:, :depth], h[:depth]))
        return parts[0] if num_parts == 1 else tf.concat(parts, axis=0)


def _mask(below, above):
    """``[units, input]``, of arrays or tensors."""
    return below <= above[:, np.newaxis]
