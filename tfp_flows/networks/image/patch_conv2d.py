"""A convolution that is fast on small images, too."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.math import rematerialize
from tfp_flows.random_state import Seed, as_integer, split_seed


class PatchConv2D(keras.layers.Layer):
    """A convolution of images ``[N, H, W, C]``, zeros around them, to F channels.

    The kernel is that of Keras's ``Conv2D``, and so is the result. It is computed as a
    product of matrices where that was measured to be faster under XLA on a CPU: up to
    six times for images of a few pixels, and twice where one side has few channels.

    Args:
        filters: F.
        kernel_size: rows and columns of the kernel, an odd number.
        context_size: of vectors ``[N, context_size]`` of which each pixel is given a
            linear map; ``None`` for none.
        activation: of the images, before the convolution; ``None`` for none.
        gain: of the initial weights; 2 is He's variance.
        seed: of the initial weights, or ``None`` to start at zero.
        **kwargs: the other arguments of ``keras.layers.Layer``.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        context_size: int | None = None,
        activation: Callable | None = None,
        gain: float = 2.0,
        seed: Seed = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.context_size = context_size
        self.activation = activation
        self.gain = gain
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    def build(self, x_shape: Sequence, context_shape: Sequence | None = None) -> None:
        """Makes the weights, for images of ``x_shape[-1]`` channels."""
        kernel_shape = (self.kernel_size, self.kernel_size, x_shape[-1], self.filters)
        # Not zero: where the image is flat all units would have their kink at 0.
        limit = 1.0 / np.sqrt(np.prod(kernel_shape[:3]))
        scaled = keras.initializers.VarianceScaling
        kernel, bias, context = ("zeros",) * 3
        if self.seed is not None:
            seeds = split_seed(self.seed, 3)
            kernel = scaled(self.gain, seed=seeds[0])
            bias = keras.initializers.RandomUniform(-limit, limit, seed=seeds[1])
            context = scaled(self.gain, seed=seeds[2])
        self.kernel = self.add_weight(
            shape=kernel_shape, initializer=kernel, name="kernel"
        )
        self.bias = self.add_weight(
            shape=(self.filters,), initializer=bias, name="bias"
        )
        if self.context_size is not None:
            self.context_kernel = self.add_weight(
                shape=(self.context_size, self.filters),
                initializer=context,
                name="context_kernel",
            )

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The convolution, ``[N, H, W, F]``."""
        convolution = self._of_activated
        # A product of each pixel alone has no intermediate values to recompute.
        if self.activation is not None or self.kernel_size > 1:
            convolution = rematerialize(convolution)
        y = convolution(x, tf.convert_to_tensor(self.kernel)) + self.bias
        if self.context_size is not None:
            y += tf.matmul(context, self.context_kernel)[:, tf.newaxis, tf.newaxis]
        return y

    def _of_activated(self, x, kernel):
        if self.activation is not None:
            x = self.activation(x)
        return self._convolution(x, kernel)

    def _convolution(self, x, kernel):
        size, num_entries = self.kernel_size, self.kernel_size**2
        below, above = kernel.shape[2:]
        if size == 1:
            return tf.tensordot(x, kernel[0, 0], axes=1)
        if None not in x.shape[1:3] and 2 * np.prod(x.shape[1:3]) <= num_entries:
            return _of_whole_image(x, kernel)
        # Beyond these, patches are so much larger than the image that they cost more.
        if num_entries * below <= above:
            patches = tf.concat(_shifted(x, size), axis=-1)
            matrix = tf.reshape(kernel, [num_entries * below, above])
            return tf.tensordot(patches, matrix, axes=1)
        if num_entries * above <= below:
            matrix = tf.transpose(kernel, [2, 0, 1, 3])
            matrix = tf.reshape(matrix, [below, num_entries * above])
            return _overlapped(tf.tensordot(x, matrix, axes=1), size)
        return keras.ops.conv(x, kernel, padding="same", data_format="channels_last")

    def compute_output_shape(
        self, x_shape: Sequence, context_shape: Sequence | None = None
    ) -> tuple:
        """Give ``x_shape`` with its last dimension replaced."""
        return (*x_shape[:-1], self.filters)


def _of_whole_image(x, kernel) -> tf.Tensor:
    """Multiply by one matrix of all pixels: most of a kernel would see zeros only."""
    (rows, columns, channels), filters = x.shape[1:], kernel.shape[-1]
    paddings = [max(size - 1 - kernel.shape[0] // 2, 0) for size in (rows, columns)]
    kernel = tf.pad(kernel, [[m, m] for m in (*paddings, 0, 0)])
    top, left = (size // 2 for size in kernel.shape[:2])
    seen = [
        kernel[top - i : top - i + rows, left - j : left - j + columns]
        for i, j in np.ndindex(rows, columns)
    ]
    size = rows * columns * channels
    matrix = tf.concat([tf.reshape(part, [size, filters]) for part in seen], axis=1)
    y = tf.matmul(tf.reshape(x, [-1, size]), matrix)
    return tf.reshape(y, [-1, rows, columns, filters])


def _shifted(x, size: int) -> list[tf.Tensor]:
    """The image as each entry of the kernel sees it."""
    x = _padded(x, size)
    return [_at(x, entry, size) for entry in np.ndindex(size, size)]


def _overlapped(y, size: int) -> tf.Tensor:
    """Sum ``y``'s parts, one for each entry of the kernel, each as that sees it."""

    # TensorFlow's own gradient, a sum of paddings, took a tenth of a step longer.
    @tf.custom_gradient
    def added(y):
        parts = tf.split(_padded(y, size), size**2, axis=-1)
        entries = np.ndindex(size, size)
        total = tf.add_n(
            [_at(part, entry, size) for part, entry in zip(parts, entries, strict=True)]
        )
        return total, lambda g: tf.concat(_shifted(g, size)[::-1], axis=-1)

    return added(y)


def _padded(x, size: int) -> tf.Tensor:
    return tf.pad(x, [[0, 0], [size // 2] * 2, [size // 2] * 2, [0, 0]])


def _at(padded, entry, size: int) -> tf.Tensor:
    rows, columns = (slice(start, start - size + 1 or None) for start in entry)
    return padded[:, rows, columns]
