"""The network of the gated PixelCNN."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.checks import (
    checked_count,
    checked_image_shape,
    checked_odd,
    checked_permutation,
)
from tfp_flows.networks.activation import activation_config, as_activation
from tfp_flows.networks.autoregressive.conditioner import Conditioner
from tfp_flows.networks.autoregressive.gated_convolution import (
    GatedConvolution,
    masked_dense,
)
from tfp_flows.random_state import Seed, as_integer, split_seed


@keras.saving.register_keras_serializable(package="tfp_flows")
class PixelCNN(Conditioner):
    """Masked convolutions, gated: a pixel sees the pixels above it and on its left.

    From images ``[N, H·W·C]``, flattened row by row with the channels of a pixel side
    by side, and a context v ``[N, context_size]`` if it takes one, to ``[N, H·W·C·K]``.
    Two stacks of L layers go over the image. The vertical one sees all rows above the
    pixel's own, and the horizontal one, into which it leads, what is left of the pixel:

        p = (the rows above, convolved) + U·v + c
        q = (the columns on the left, convolved) + A·p
        vertical ← vertical + gate(p);   horizontal ← horizontal + B·gate(q)

    with gate([a, b]) = tanh(a)·σ(b). Together they see everything before the pixel,
    where one stack of masked kernels leaves a wedge on the right unseen (a blind spot).

    The channels of a pixel depend on each other in order: the horizontal stack's
    filters are in C groups, and at the pixel itself a mask lets group g see the first
    g channels only.

    The first layer has a trained vector for each pixel, and the last one, which starts
    at zero, a bias: the weights are the same everywhere, and still pixels may differ.
    A pixel depends on the `receptive_field` around it; by default that covers
    images of up to 8 × 8 pixels.

    Cost: one evaluation O(H·W·L·F²·kernel_size²) an image for F filters. It has no
    `step`: `scan`, and so sampling, takes D = H·W·C evaluations, and the gradient of
    that their memory.

    Args:
        image_shape: ``(H, W, C)``, rows, columns and channels.
        filters: F, width of all layers, at least C.
        output_size: D·K; ``None`` leaves it to the bijector that it is given to.
        num_layers: L.
        first_kernel_size: of the first layer, odd.
        kernel_size: of the other layers, odd.
        channel_order: the channels of a pixel in the order in which they depend on each
            other; 0 … C − 1 if not given. The pixels are in raster order.
        context_size: size of the context; ``None`` if the network takes none. Every
            parameter depends on all of the context, those of the first pixel included.
        activation: of the two last layers, anything that Keras takes.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation, or a Keras dtype policy.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: a size that is no integer, an image shape that is no list of them.
        ValueError: a size that is not positive, an image shape that is not three
            numbers, fewer filters than channels, an even kernel size, a channel order
            that is no permutation, an output size that D does not divide; built for
            points of another size than D, or without an output size; called without
            the context that it takes.

    >>> net = PixelCNN(image_shape=(4, 4, 3), filters=6, output_size=96, seed=0)
    >>> net.event_size, net.receptive_field
    (48, 7)
    >>> net.build((None, 48))
    >>> net(keras.ops.ones((5, 48))).shape
    TensorShape([5, 96])

    Papers: van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu
    (2016), Conditional image generation with PixelCNN decoders; van den Oord,
    Kalchbrenner and Kavukcuoglu (2016), Pixel recurrent neural networks; Salimans,
    Karpathy, Chen and Kingma (2017), PixelCNN++.
    """

    shares_programs = True

    def __init__(
        self,
        image_shape: Sequence[int],
        filters: int = 32,
        output_size: int | None = None,
        *,
        num_layers: int = 5,
        first_kernel_size: int = 7,
        kernel_size: int = 3,
        channel_order: Sequence[int] | None = None,
        context_size: int | None = None,
        activation: Any = "silu",
        seed: Seed = None,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(dtype=dtype, name=name, **kwargs)
        self.image_shape = checked_image_shape(image_shape, "PixelCNN: image_shape")
        *_, channels = self.image_shape
        self._set_sizes(
            event_size=int(np.prod(self.image_shape)),
            output_size=output_size,
            context_size=context_size,
        )
        self.filters = checked_count(filters, "PixelCNN: filters")
        if self.filters < channels:
            raise ValueError(
                "PixelCNN: filters must be as many as the channels, or more, for each "
                f"channel has its own, but got {filters} for {channels} channels."
            )
        self.num_layers = checked_count(num_layers, "PixelCNN: num_layers")
        self.first_kernel_size = checked_odd(
            first_kernel_size, "PixelCNN: first_kernel_size"
        )
        self.kernel_size = checked_odd(kernel_size, "PixelCNN: kernel_size")
        order = np.arange(channels) if channel_order is None else channel_order
        order = checked_permutation(order, "PixelCNN: channel_order", channels)
        self.channel_order = order.tolist()
        starts = np.arange(0, self.event_size, channels)
        self.order = (starts[:, np.newaxis] + order).reshape(-1).tolist()
        self.activation = as_activation(activation, type(self).__name__)
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    @property
    def receptive_field(self) -> int:
        """The number of rows above, and columns on either side, that a pixel sees."""
        return sum((size - 1) // 2 for size in self._kernel_sizes())

    def _kernel_sizes(self) -> list[int]:
        return [self.first_kernel_size] + [self.kernel_size] * (self.num_layers - 1)

    def build(self, x_shape: Sequence, context_shape: Sequence | None = None) -> None:
        """Makes the weights."""
        self._check_built_for(x_shape)
        rows, columns, channels = self.image_shape
        seeds = split_seed(self.seed, self.num_layers + 1)
        options = {"dtype": self.dtype_policy, "trainable": self.trainable}
        # The rank of each channel in their order, and the group of each filter.
        ranks = np.argsort(self.channel_order)
        groups = np.arange(self.filters) * channels // self.filters
        self._layers_in_order, below = [], ranks
        for index, size in enumerate(self._kernel_sizes()):
            # In the image a group sees the channels before its own, and in the layers
            # above the groups up to its own.
            before = np.less if index == 0 else np.less_equal
            layer = GatedConvolution(
                before.outer(below, groups),
                groups,
                size,
                positions=(rows, columns) if index == 0 else None,
                context_size=self.context_size,
                seed=seeds[index],
                **options,
            )
            layer.build((None, rows, columns, len(below)))
            self._layers_in_order.append(layer)
            below = groups
        self._build_output(groups, ranks, seeds[-1], options)

    def _build_output(self, groups, ranks, seed, options):
        shape = (None, *self.image_shape[:2], self.filters)
        he = keras.initializers.HeNormal(seed)
        self._hidden = masked_dense(groups, groups, kernel_initializer=he, **options)
        self._hidden.build(shape)
        outputs = np.repeat(ranks, self._num_params)
        self._last = masked_dense(
            groups, outputs, kernel_initializer="zeros", use_bias=False, **options
        )
        self._last.build(shape)
        self.output_bias = self.add_weight(
            shape=(*self.image_shape[:2], len(outputs)),
            initializer="zeros",
            name="output_bias",
        )

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The parameters, ``[N, D·K]``: those of the first dimension come first."""
        self._check_inputs(x, context)
        horizontal = tf.reshape(x, [-1, *self.image_shape])
        # Each row shifted down by one: the vertical stack sees those above only.
        vertical = tf.pad(horizontal[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])
        for layer in self._layers_in_order:
            vertical, horizontal = layer(vertical, horizontal, context)
        hidden = self.activation(self._hidden(self.activation(horizontal)))
        params = self._last(hidden)
        params += tf.cast(self.output_bias, params.dtype)
        return tf.reshape(params, [-1, self.output_size])

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "image_shape": self.image_shape,
            "filters": self.filters,
            "output_size": self.output_size,
            "num_layers": self.num_layers,
            "first_kernel_size": self.first_kernel_size,
            "kernel_size": self.kernel_size,
            "channel_order": self.channel_order,
            "context_size": self.context_size,
            "activation": activation_config(self.activation),
            "seed": self.seed,
        }
