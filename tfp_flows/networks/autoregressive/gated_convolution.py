"""One layer of the gated PixelCNN: two stacks of convolutions."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.random_state import Seed, as_integer, split_seed


class MaskedConv2D(keras.layers.Conv2D):
    """A masked convolution: Keras's, with a mask of the kernel and padding by zeros.

    Args:
        filters: as in Keras.
        kernel_size: as in Keras.
        paddings: rows of zeros above and below, and columns left and right,
            ``((top, bottom), (left, right))``.
        mask: of the kernel, ``[rows, columns, input, filters]``; ``None`` for none.
        **kwargs: as in Keras.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int] = 1,
        *,
        paddings: tuple = ((0, 0), (0, 0)),
        mask: np.ndarray | None = None,
        **kwargs: Any,
    ):
        super().__init__(filters, kernel_size, data_format="channels_last", **kwargs)
        self.paddings = paddings
        self.mask = None if mask is None or np.all(mask) else np.asarray(mask)

    def build(self, input_shape: Sequence) -> None:
        """Makes the weights, for images of that shape."""
        num, rows, columns, channels = input_shape
        (top, bottom), (left, right) = self.paddings
        # Keras checks that a kernel fits into the image.
        super().build((num, top + rows + bottom, left + columns + right, channels))

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolve the padded image with the masked kernel."""
        if self.mask is not None:
            kernel = kernel * tf.cast(self.mask, kernel.dtype)
        paddings = [[0, 0], *map(list, self.paddings), [0, 0]]
        return super().convolution_op(tf.pad(inputs, paddings), kernel)


class GatedConvolution(keras.layers.Layer):
    """One layer of a gated PixelCNN, of its two stacks.

    The vertical stack at a pixel sees the rows up to its own; fed with an image whose
    rows are shifted down by one, these are the rows above. The horizontal stack sees
    the vertical one, the columns on the left, and at the pixel what ``seen`` says.

    Args:
        seen: which of the channels below each filter of the horizontal stack sees at
            the pixel itself, ``[channels, F]``.
        groups: of each of the F filters, ascending: at a pixel a filter sees those of
            its own group and the ones before.
        kernel_size: odd.
        positions: rows and columns of the image, for a trained vector for each pixel;
            ``None`` for none.
        context_size: of the context; ``None`` if there is none.
        seed: of the weights.
        **kwargs: the other arguments of ``keras.layers.Layer``.
    """

    def __init__(
        self,
        seen: np.ndarray,
        groups: np.ndarray,
        kernel_size: int,
        *,
        positions: tuple[int, int] | None,
        context_size: int | None,
        seed: Seed,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.seen = np.asarray(seen)
        self.groups = np.asarray(groups)
        self.kernel_size = kernel_size
        self.positions_shape = positions
        self.context_size = context_size
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    def build(self, vertical_shape: Sequence) -> None:
        """Makes the weights, for images of that shape."""
        options = {"dtype": self.dtype_policy, "trainable": self.trainable}
        width, half = len(self.groups), (self.kernel_size - 1) // 2
        seeds = split_seed(self.seed, 6)
        starts = [
            {"kernel_initializer": keras.initializers.GlorotUniform(s)} | options
            for s in seeds[:5]
        ]
        left = np.ones([1, half + 1, len(self.seen), 2 * width], bool)
        left[0, -1] = np.tile(self.seen, 2)
        self._vertical = MaskedConv2D(
            2 * width,
            (half + 1, self.kernel_size),
            paddings=((half, 0), (half, half)),
            **starts[0],
        )
        self._horizontal = MaskedConv2D(
            2 * width,
            (1, half + 1),
            paddings=((0, 0), (half, 0)),
            mask=left,
            **starts[1],
        )
        self._vertical_to_horizontal = keras.layers.Dense(
            2 * width, use_bias=False, **starts[2]
        )
        self._exit = masked_dense(self.groups, self.groups, **starts[3])
        shape = vertical_shape[:-1]
        self._vertical.build(vertical_shape)
        self._horizontal.build(vertical_shape)
        self._vertical_to_horizontal.build((*shape, 2 * width))
        self._exit.build((*shape, width))
        if self.context_size is not None:
            self._context = keras.layers.Dense(2 * width, use_bias=False, **starts[4])
            self._context.build((None, self.context_size))
        if self.positions_shape is not None:
            normal = keras.initializers.RandomNormal(stddev=0.5, seed=seeds[5])
            self.positions = self.add_weight(
                shape=(*self.positions_shape, 2 * width),
                initializer=normal,
                name="positions",
            )

    def call(
        self,
        vertical: tf.Tensor,
        horizontal: tf.Tensor,
        context: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The two stacks after the layer, ``[N, rows, columns, F]`` each."""
        p = self._vertical(vertical)
        if context is not None:
            p += self._context(context)[:, tf.newaxis, tf.newaxis]
        if self.positions_shape is not None:
            p += tf.cast(self.positions, p.dtype)
        q = self._horizontal(horizontal) + self._vertical_to_horizontal(p)
        up, right = _gate(p), self._exit(_gate(q))
        if vertical.shape[-1] != up.shape[-1]:  # The image, below the first layer.
            return up, right
        return vertical + up, horizontal + right


def masked_dense(below: np.ndarray, above: np.ndarray, **options: Any) -> MaskedConv2D:
    """Make a layer at each pixel, whose channels see those of groups up to their own.

    Args:
        below: the group of each input.
        above: the group of each output.
        **options: of the convolution.
    """
    mask = np.asarray(below)[:, np.newaxis] <= np.asarray(above)
    return MaskedConv2D(len(above), mask=mask[np.newaxis, np.newaxis], **options)


def _gate(x) -> tf.Tensor:
    a, b = tf.split(x, 2, axis=-1)
    return tf.tanh(a) * tf.sigmoid(b)
