"""A dense layer on columns, with a mask that costs nothing where it can."""

import keras
import numpy as np
import tensorflow as tf

# Rows of outputs that are computed together where a mask lets inputs be left out.
# Narrower products were measured to lose more than the zeros that they skip.
_ROWS = 256


@keras.saving.register_keras_serializable(package="tfp_flows")
class ColumnDense(keras.layers.Layer):
    """Wᵀh + b for columns h ``[input, N]``: a dense layer with the batch last.

    Under XLA on a CPU a network with the batch last is about a fifth faster than one
    with the batch first, for what is read out of its output is contiguous.

    Args:
        units: size of the output.
        mask: ``[input, units]``, 0 where an output must not depend on an input. Rows of
            zeros at the end of a block of columns are not multiplied.
        use_bias: whether there is a b.
        seed: of the initial weights, or ``None`` to start at zero.
        **kwargs: the other arguments of ``keras.layers.Layer``.
    """

    def __init__(self, units: int, *, mask=None, use_bias=True, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.mask = mask
        self.use_bias = use_bias
        self.seed = seed

    def build(self, input_shape):
        """Makes the weights, for columns of size ``input_shape[0]``."""
        shape = (input_shape[0], self.units)
        self.kernel = self.add_weight(
            shape=shape, initializer=self._initial_kernel, name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units, 1), initializer="zeros", name="bias"
            )

    def _initial_kernel(self, shape, dtype=None):
        if self.seed is None:
            return tf.zeros(shape, dtype)
        # He's variance, for the inputs that each output really has.
        mask = np.ones(shape) if self.mask is None else self.mask
        num_inputs = np.maximum(mask.sum(axis=0), 1)
        values = np.random.default_rng(self.seed).normal(size=shape)
        return tf.cast(values * mask * np.sqrt(2.0 / num_inputs), dtype)

    def masked_kernel(self) -> tf.Tensor:
        """W with zeros where the mask has them, ``[input, units]``."""
        kernel = tf.convert_to_tensor(self.kernel)
        return (
            kernel if self.mask is None else kernel * tf.cast(self.mask, kernel.dtype)
        )

    def call(self, h):
        """The output, ``[units, N]``."""
        if self.mask is None:
            product = tf.matmul(self.kernel, h, transpose_a=True)
        else:
            product = self._masked_product(h)
        return product + self.bias if self.use_bias else product

    def _masked_product(self, h):
        kernel = self.masked_kernel()
        num_parts = max(1, self.units // _ROWS)
        parts = []
        for columns in np.array_split(np.arange(self.units), num_parts):
            start, stop = columns[0], columns[-1] + 1
            seen = np.flatnonzero(self.mask[:, start:stop].any(axis=1))
            depth = seen[-1] + 1 if seen.size else 1
            parts.append(
                tf.matmul(kernel[:depth, start:stop], h[:depth], transpose_a=True)
            )
        return parts[0] if num_parts == 1 else tf.concat(parts, axis=0)
