"""The network of RealNVP for images."""

from collections.abc import Sequence
from typing import Any

import keras

from tfp_flows.checks import checked_count, checked_odd
from tfp_flows.networks.image.image_network import ImageNetwork
from tfp_flows.random_state import Seed, split_seed


@keras.saving.register_keras_serializable(package="tfp_flows")
class ConvolutionalResidualNetwork(ImageNetwork):
    """Residual blocks of convolutions, each with a skip to the output.

    From images ``[N, H, W, C]``, and a context if it takes one, to
    ``[N, H, W, output_size]``, with a the activation and * a convolution:

        h = K * x;   s = S * h
        h ← h + B * a(A * a(h));   s ← s + R * h   in each of the blocks
        output = L * a(s)

    K, A and B see ``kernel_size`` rows and columns, and the others the pixel alone; L
    starts at zero. Around the images are zeros.

    The paper has batch normalization before each activation. It is left out: with it,
    while it trains, the density of an image would depend on the rest of its batch, and
    log_prob would be no logarithm of a density. Instead B and R start so small that h
    and s keep their variance, whatever the number of blocks.

    Cost: O(H·W·F²·kernel_size²) an image and block of F filters.

    Args:
        filters: F, channels of all layers.
        num_blocks: number of blocks.
        output_size: channels of the output; ``None`` leaves it to the coupling that
            the network is given to.
        kernel_size: rows and columns of the kernels, an odd number.
        activation: a, anything that Keras takes.
        context_size: size of a context ``[N, context_size]``, of which a linear map is
            added to each pixel after K, each A, and L; ``None`` if the network takes
            none.
        context_shape: ``(H′, W′, C′)`` of a context ``[N, H′·W′·C′]`` that is an image,
            in place of its size: it becomes channels of the input. H′ and W′ are the
            same multiple of H and W, and by space to depth so much smaller.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation, or a Keras dtype policy.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: a size that is no integer.
        ValueError: a size that is not positive, an even kernel size; a context with
            both a size and a shape, or of a shape that is no multiple of the image's;
            built without an output size; called without the context that it takes.

    >>> net = ConvolutionalResidualNetwork(filters=16, num_blocks=2, output_size=6)
    >>> net.build((None, 8, 8, 3))
    >>> net(keras.ops.ones((5, 8, 8, 3))).shape
    TensorShape([5, 8, 8, 6])

    Paper: Dinh, Sohl-Dickstein and Bengio (2017), Density estimation using Real NVP.
    """

    shares_programs = True

    def __init__(
        self,
        filters: int = 64,
        num_blocks: int = 4,
        output_size: int | None = None,
        *,
        kernel_size: int = 3,
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
        where = "ConvolutionalResidualNetwork: "
        self.filters = checked_count(filters, where + "filters")
        self.num_blocks = checked_count(num_blocks, where + "num_blocks")
        self.kernel_size = checked_odd(kernel_size, where + "kernel_size")

    def _build_layers(self, image_shape):
        *_, channels = image_shape
        width, size, num = self.filters, self.kernel_size, self.num_blocks
        seeds = iter(split_seed(self.seed, 3 * num + 2))
        alone = {"context_size": None}
        share = alone | {"gain": 1.0 / (num + 1)}
        active = {"activation": self.activation}

        def convolution(size, channels=width, **options):
            return self._convolution(width, size, channels, next(seeds), **options)

        self._first = convolution(size, channels, gain=1.0)
        self._skips = [convolution(1, **share) for _ in range(num + 1)]
        self._inner = [convolution(size, **active) for _ in range(num)]
        self._outer = [convolution(size, **share, **active) for _ in range(num)]
        self._last = self._convolution(self.output_size, 1, width, None, **active)

    def _output(self, x, context):
        h = self._first(x, context)
        first, *skips = self._skips
        total = first(h)
        for inner, outer, skip in zip(self._inner, self._outer, skips, strict=True):
            h += outer(inner(h, context))
            total += skip(h)
        return self._last(total, context)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "filters": self.filters,
            "num_blocks": self.num_blocks,
            "kernel_size": self.kernel_size,
        }
