"""The network of Flow++."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.checks import checked_count, checked_odd
from tfp_flows.networks.image.gated_attention_block import GatedAttentionBlock
from tfp_flows.networks.image.image_network import ImageNetwork
from tfp_flows.random_state import Seed, split_seed


@keras.saving.register_keras_serializable(package="tfp_flows")
class GatedAttentionNetwork(ImageNetwork):
    """Gated convolutions, and attention of each pixel to all others.

    From images ``[N, H, W, C]``, and a context if it takes one, to
    ``[N, H, W, output_size]``. After a first convolution each block is, with a the
    activation, gate([p, q]) = p·σ(q), and P a trained vector for each pixel,

        h ← norm(h + gate(A·a(K * a(h))))
        h ← norm(h + gate(B·attention(h + P)))

    where norm is layer normalization over the channels of a pixel. A last convolution,
    which starts at zero, gives the output. Around the images are zeros.

    The paper has dropout after each activation; there is none here. The size of the
    images is that for which it was built.

    Cost: O(H·W·F²·kernel_size² + (H·W)²·F) an image and block, and the memory of
    (H·W)² numbers for each head: choose other networks for large images.

    Args:
        filters: F, channels of all layers.
        num_blocks: number of blocks.
        output_size: channels of the output; ``None`` leaves it to the coupling that
            the network is given to.
        num_heads: of the attention, a divisor of ``filters``.
        kernel_size: rows and columns of the kernels, an odd number.
        activation: a, anything that Keras takes.
        context_size: size of a context ``[N, context_size]``, of which a linear map is
            added to each pixel after every convolution; ``None`` if the network takes
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
        ValueError: a size that is not positive, an even kernel size, filters that the
            heads do not divide; a context with both a size and a shape, or of a shape
            that is no multiple of the image's; built without an output size, or for
            images of unknown size; called with images of another size, or without the
            context that it takes.

    >>> net = GatedAttentionNetwork(filters=8, num_blocks=1, output_size=6, num_heads=2)
    >>> net.build((None, 4, 4, 3))
    >>> net(keras.ops.ones((5, 4, 4, 3))).shape
    TensorShape([5, 4, 4, 6])

    Paper: Ho, Chen, Srinivas, Duan and Abbeel (2019), Flow++: improving flow-based
    generative models with variational dequantization and architecture design.
    """

    shares_programs = True

    def __init__(
        self,
        filters: int = 32,
        num_blocks: int = 4,
        output_size: int | None = None,
        *,
        num_heads: int = 4,
        kernel_size: int = 3,
        activation: Any = "silu",
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
        where = "GatedAttentionNetwork: "
        self.filters = checked_count(filters, where + "filters")
        self.num_blocks = checked_count(num_blocks, where + "num_blocks")
        self.num_heads = checked_count(num_heads, where + "num_heads")
        self.kernel_size = checked_odd(kernel_size, where + "kernel_size")
        if self.filters % self.num_heads:
            message = f"must be a multiple of num_heads, {num_heads}, but got {filters}"
            raise ValueError(f"{where}filters {message}.")

    def _build_layers(self, image_shape):
        *size, channels = image_shape
        if None in size:
            message = "it must be built for images of a known size, but got"
            raise ValueError(f"GatedAttentionNetwork: {message} {size}.")
        width = self.filters
        seeds = split_seed(self.seed, 2 * self.num_blocks + 2)
        self._first = self._convolution(width, self.kernel_size, channels, seeds[0])
        self.positions = self.add_weight(
            shape=(*size, width),
            initializer=keras.initializers.RandomNormal(stddev=0.1, seed=seeds[1]),
            name="positions",
        )
        self._blocks = []
        for inner, outer in zip(seeds[2::2], seeds[3::2], strict=True):
            block = GatedAttentionBlock(
                self._convolution(
                    width, self.kernel_size, width, inner, activation=self.activation
                ),
                num_heads=self.num_heads,
                activation=self.activation,
                seed=outer,
                dtype=self.dtype_policy,
                trainable=self.trainable,
            )
            block.build((None, *size, width))
            self._blocks.append(block)
        self._last = self._convolution(self.output_size, self.kernel_size, width, None)

    def _output(self, x, context):
        size = list(self.positions.shape[:2])
        if x.shape[1:3].as_list() != size:
            raise ValueError(
                f"GatedAttentionNetwork: it was built for images of {size[0]} × "
                f"{size[1]} pixels, but got the shape {tuple(x.shape)}."
            )
        h = self._first(x, context)
        positions = tf.cast(self.positions, h.dtype)
        for block in self._blocks:
            h = block(h, positions, context)
        return self._last(h, context)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "filters": self.filters,
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "kernel_size": self.kernel_size,
        }
