"""The multi-layer perceptron."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.checks import checked_counts
from tfp_flows.networks.activation import activation_config, as_activation
from tfp_flows.networks.column_dense import ColumnDense
from tfp_flows.networks.network import Network
from tfp_flows.random_state import Seed, as_integer, split_seed


@keras.saving.register_keras_serializable(package="tfp_flows")
class MLP(Network):
    """Dense layers with an activation between them; the last layer starts at zero.

    From ``[N, input]``, and a context ``[N, context_size]`` if it takes one, to
    ``[N, output_size]``.

    Args:
        hidden_units: width of each hidden layer. An empty list makes the map linear.
        output_size: size of the output; ``None`` leaves it to the coupling that the
            network is given to.
        context_size: size of the context; ``None`` if the network takes none.
        activation: of the hidden layers, anything that Keras takes.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation, or a Keras dtype policy.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: ``hidden_units`` is no list of integers, or a size no integer.
        ValueError: a width or size that is not positive; built without an output
            size; called without the context that it takes.

    >>> net = MLP(hidden_units=[32, 32], output_size=4, seed=0)
    >>> net.build((None, 2))
    >>> net(keras.ops.ones((3, 2))).shape
    TensorShape([3, 4])
    """

    shares_programs = True

    def __init__(
        self,
        hidden_units: Sequence[int] = (64, 64),
        output_size: int | None = None,
        *,
        context_size: int | None = None,
        activation: Any = "silu",
        seed: Seed = None,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(dtype=dtype, name=name, **kwargs)
        self.hidden_units = checked_counts(hidden_units, "MLP: hidden_units")
        self._set_sizes(output_size=output_size, context_size=context_size)
        self.activation = as_activation(activation, type(self).__name__)
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    def build(self, x_shape: Sequence, context_shape: Sequence | None = None) -> None:
        """Makes the weights, for inputs of size ``x_shape[-1]``."""
        self._check_built_for(x_shape)
        seeds = [*split_seed(self.seed, len(self.hidden_units)), None]
        self._layers_in_order = [
            ColumnDense(
                units, seed=seed, dtype=self.dtype_policy, trainable=self.trainable
            )
            for units, seed in zip(
                [*self.hidden_units, self.output_size], seeds, strict=True
            )
        ]
        size = x_shape[-1] + (self.context_size or 0)
        for layer in self._layers_in_order:
            layer.build((size, None))
            size = layer.units

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The output, ``[N, output_size]``."""
        if context is not None or self.context_size is not None:
            self._check_inputs(x, context)
        parts = [x] if context is None else [x, tf.cast(context, x.dtype)]
        h = tf.transpose(tf.concat(parts, axis=-1))
        *hidden, last = self._layers_in_order
        for layer in hidden:
            h = self.activation(layer(h))
        return tf.transpose(last(h))

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "hidden_units": self.hidden_units,
            "output_size": self.output_size,
            "context_size": self.context_size,
            "activation": activation_config(self.activation),
            "seed": self.seed,
        }
