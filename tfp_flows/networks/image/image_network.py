"""The base class of the networks of image couplings."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_image_shape
from tfp_flows.networks.activation import activation_config, as_activation
from tfp_flows.networks.image.patch_conv2d import PatchConv2D
from tfp_flows.networks.network import Network
from tfp_flows.random_state import Seed, as_integer


class ImageNetwork(Network):
    """A network from images ``[N, H, W, C]`` to ``[N, H, W, output_size]``.

    The context is a vector for each image, ``[N, context_size]``, of which each pixel
    is given a linear map. Or it is an image, flattened, if its ``context_shape`` (H′,
    W′, C′) is given: where H′ and W′ are m times H and W, the m² pixels that cover
    one pixel become channels of that pixel.

    A subclass writes ``_build_layers(image_shape)``, for images with the context's
    channels, and ``_output(images, context)``, whose context is the vector or ``None``.

    Args:
        output_size: channels of the output; ``None`` until they are known.
        context_size: as above.
        context_shape: as above; it determines the ``context_size``.
        activation: anything that Keras takes.
        seed: of the initial weights.
        **kwargs: the other arguments of ``keras.layers.Layer``.
    """

    def __init__(
        self,
        output_size: int | None,
        *,
        context_size: int | None,
        context_shape: Sequence[int] | None,
        activation: Any,
        seed: Seed,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        where = type(self).__name__
        if context_shape is not None:
            if context_size is not None:
                raise ValueError(
                    f"{where}: context_size or context_shape must be given, not both, "
                    f"but got {context_size} and {context_shape!r}."
                )
            context_shape = checked_image_shape(
                context_shape, f"{where}: context_shape"
            )
            context_size = int(np.prod(context_shape))
        self._set_sizes(output_size=output_size, context_size=context_size)
        self.context_shape: Any = context_shape  # ``None`` for no image.
        self.activation = as_activation(activation, type(self).__name__)
        is_layer = isinstance(self.activation, keras.Layer)
        if is_layer and type(self.activation).build is not keras.Layer.build:
            raise ValueError(
                f"{where}: activation must have no weights, but got {activation!r}."
            )
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    def build(self, x_shape: Sequence, context_shape: Sequence | None = None) -> None:
        """Makes the weights, for images of the shape ``x_shape[1:]``."""
        self._check_built_for(x_shape)
        self._check_rank(x_shape)
        _, rows, columns, channels = x_shape
        if channels is None:
            raise ValueError(
                f"{type(self).__name__}: the channels of its images must be known, but "
                f"their shape is {tuple(x_shape)}."
            )
        if self.context_shape is not None:
            channels += self._context_scale(x_shape) ** 2 * self.context_shape[-1]
        self._build_layers((rows, columns, channels))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The output, ``[N, H, W, output_size]``."""
        self._check_rank(x.shape)
        self._check_inputs(x, context)
        if context is not None:
            context = tf.cast(context, x.dtype)
        if self.context_shape is None:
            return self._output(x, context)
        return self._output(tf.concat([x, self._at_scale(context, x)], axis=-1), None)

    def _check_rank(self, shape) -> None:
        if len(shape) != 4:
            raise ValueError(
                f"{type(self).__name__}: it takes images [N, rows, columns, channels], "
                f"but got the shape {tuple(shape)}."
            )

    def _context_scale(self, x_shape) -> int:
        """Count the rows, or columns, of the context for one of the image."""
        (rows, columns), (above, left) = x_shape[1:3], self.context_shape[:2]
        scale = 0 if None in (rows, columns) else above // rows
        if scale < 1 or (scale * rows, scale * columns) != (above, left):
            raise ValueError(
                f"{type(self).__name__}: the rows and columns of context_shape must be "
                f"the same multiple of those of the images, but it is {above} × {left} "
                f"for images of {rows} × {columns}."
            )
        return scale

    def _at_scale(self, context, x) -> tf.Tensor:
        """Make the context an image of the size of ``x``, by space to depth."""
        scale, channels = self._context_scale(x.shape), self.context_shape[-1]
        rows, columns = x.shape[1:3]
        parts = tf.reshape(context, [-1, rows, scale, columns, scale, channels])
        parts = tf.transpose(parts, [0, 1, 3, 2, 4, 5])
        return tf.reshape(parts, [-1, rows, columns, scale**2 * channels])

    def _convolution(self, filters, kernel_size, channels, seed, **options):
        """Make and build a convolution of images of so many channels."""
        if self.context_shape is None:
            options = {"context_size": self.context_size} | options
        layer = PatchConv2D(
            filters,
            kernel_size,
            seed=seed,
            dtype=self.dtype_policy,
            trainable=self.trainable,
            **options,
        )
        layer.build((None, None, None, channels))
        return layer

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        is_image = self.context_shape is not None
        return super().get_config() | {
            "output_size": self.output_size,
            "context_size": None if is_image else self.context_size,
            "context_shape": self.context_shape,
            "activation": activation_config(self.activation),
            "seed": self.seed,
        }
