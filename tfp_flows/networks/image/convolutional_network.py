"""Plain convolutions: the network of Glow."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfp_flows.checks import checked_counts, checked_odd
from tfp_flows.networks.image.image_network import ImageNetwork
from tfp_flows.random_state import Seed, split_seed


@keras.saving.register_keras_serializable(package="tfp_flows")
class ConvolutionalNetwork(ImageNetwork):
    """Convolutions with an activation between them; the last one starts at zero.

    From images ``[N, H, W, C]``, and a context if it takes one, to
    ``[N, H, W, output_size]``. Around the images are zeros.

    With two hidden layers of equal width and ``kernel_size=(3, 1, 3)`` it is the
    network of Glow, but for the normalization (actnorm) that Glow has after each hidden
    layer: it keeps the numbers of a network that starts with small weights in range,
    and here the weights start with He's variance, which does that, too.

    Cost: O(H·W·F·(C + F)·kernel_size²) an image for layers of F channels.

    Args:
        hidden_units: channels of each hidden layer. An empty list makes the map linear.
        output_size: channels of the output; ``None`` leaves it to the coupling that
            the network is given to.
        kernel_size: rows and columns of all kernels, an odd number, or several: one
            for each hidden layer and one for the last.
        activation: of the hidden layers, anything that Keras takes.
        context_size: size of a context ``[N, context_size]``, of which a linear map is
            added to each pixel in every layer; ``None`` if the network takes none.
        context_shape: ``(H′, W′, C′)`` of a context ``[N, H′·W′·C′]`` that is an image,
            in place of its size: it becomes channels of the input. H′ and W′ are the
            same multiple of H and W, and by space to depth so much smaller.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation, or a Keras dtype policy.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: ``hidden_units`` is no list of integers, or a size no integer.
        ValueError: a width or size that is not positive, an even kernel size, or not
            one for each layer; a context with both a size and a shape, or of a shape
            that is no multiple of the image's; built without an output size; called
            without the context that it takes.

    >>> net = ConvolutionalNetwork([32, 32], output_size=4, kernel_size=(3, 1, 3))
    >>> net.build((None, 8, 8, 2))
    >>> net(keras.ops.ones((5, 8, 8, 2))).shape
    TensorShape([5, 8, 8, 4])

    Paper: Kingma and Dhariwal (2018), Glow: generative flow with invertible 1×1
    convolutions.
    """

    shares_programs = True

    def __init__(
        self,
        hidden_units: Sequence[int] = (64, 64),
        output_size: int | None = None,
        *,
        kernel_size: int | Sequence[int] = 3,
        activation: Any = "relu",
        context_size: int | None = None,
        context_shape: Sequence[int] | None = None,
        seed: Seed = None,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            output_size,
            context_size=context_size,
            context_shape=context_shape,
            activation=activation,
            seed=seed,
            dtype=dtype,
            name=name,
            **kwargs,
        )
        where = "ConvolutionalNetwork: "
        self.hidden_units = checked_counts(hidden_units, where + "hidden_units")
        num, where = len(self.hidden_units) + 1, where + "kernel_size"
        sizes: Any = kernel_size if np.iterable(kernel_size) else [kernel_size] * num
        self.kernel_size = [checked_odd(size, where) for size in sizes]
        if len(self.kernel_size) != num:
            raise ValueError(
                f"{where} must be one number, or {num}, one for each hidden layer and "
                f"one for the last, but got {kernel_size!r}."
            )

    def _build_layers(self, image_shape):
        *_, channels = image_shape
        seeds = [*split_seed(self.seed, len(self.hidden_units)), None]
        self._layers_in_order, activation = [], None
        for units, size, seed in zip(
            [*self.hidden_units, self.output_size], self.kernel_size, seeds, strict=True
        ):
            layer = self._convolution(
                units, size, channels, seed, activation=activation
            )
            self._layers_in_order.append(layer)
            channels, activation = units, self.activation

    def _output(self, h, context):
        for layer in self._layers_in_order:
            h = layer(h, context)
        return h

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "hidden_units": self.hidden_units,
            "kernel_size": self.kernel_size,
        }
