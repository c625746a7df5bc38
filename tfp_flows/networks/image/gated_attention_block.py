"""One block of Flow++'s network: a gated convolution, then gated attention."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.random_state import Seed, as_integer, split_seed


class GatedAttentionBlock(keras.layers.Layer):
    """Two steps with residuals, from images ``[N, H, W, F]`` to such images.

    Args:
        convolution: of F filters, built, with the activation before it.
        num_heads: of the attention, a divisor of F.
        activation: after the convolution.
        seed: of the other weights.
        **kwargs: the other arguments of ``keras.layers.Layer``.
    """

    def __init__(
        self,
        convolution: keras.Layer,
        *,
        num_heads: int,
        activation: Any,
        seed: Seed,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.convolution = convolution
        self.num_heads = num_heads
        self.activation = activation
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    def build(self, h_shape: Sequence) -> None:
        """Makes the weights, for images of F channels."""
        options = {"dtype": self.dtype_policy, "trainable": self.trainable}
        width = h_shape[-1]
        seeds = iter(split_seed(self.seed, 3))

        def dense(units, **more):
            start = keras.initializers.GlorotUniform(next(seeds))
            layer = keras.layers.Dense(
                units, kernel_initializer=start, **more, **options
            )
            layer.build((None, width))
            return layer

        self._gate = dense(2 * width)
        # Keras's own MultiHeadAttention starts queries, keys and values equal if it is
        # given a seed. No bias: that of the keys would change nothing.
        self._projections = dense(3 * width, use_bias=False)
        self._attention_gate = dense(2 * width)
        self._norms = [keras.layers.LayerNormalization(**options) for _ in range(2)]
        for norm in self._norms:
            norm.build(h_shape)

    def call(
        self, h: tf.Tensor, positions: tf.Tensor, context: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Images, ``[N, H, W, F]``.

        Args:
            h: images.
            positions: a vector for each pixel, ``[H, W, F]``.
            context: of the convolution, ``[N, context_size]``.
        """
        after, last = self._norms
        inner = self.convolution(h, context)
        h = after(h + _gated(self._gate(self.activation(inner))))
        seen = self._attention(h + positions)
        return last(h + _gated(self._attention_gate(seen)))

    def _attention(self, h):
        """Average over all pixels for each pixel, in each head by other weights."""
        _, rows, columns, width = h.shape
        shape = [-1, rows * columns, self.num_heads, width // self.num_heads]
        parts = tf.split(self._projections(h), 3, axis=-1)
        query, key, value = (tf.reshape(part, shape) for part in parts)
        seen = keras.ops.dot_product_attention(query, key, value)
        return tf.reshape(seen, [-1, rows, columns, width])


def _gated(x) -> tf.Tensor:
    a, b = tf.split(x, 2, axis=-1)
    return a * tf.sigmoid(b)
