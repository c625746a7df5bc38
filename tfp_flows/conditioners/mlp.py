"""The multi-layer perceptron."""

from collections.abc import Sequence

import keras
import numpy as np

from tfp_flows.math import split_seed


@keras.saving.register_keras_serializable(package="tfp_flows")
class MLP(keras.layers.Layer):
    """Dense layers with an activation between them; the last layer starts at zero.

    From ``[N, input]`` to ``[N, output_size]``.

    Args:
        hidden_units: width of each hidden layer. An empty list makes the map linear.
        output_size: size of the output; ``None`` leaves it to the coupling that the
            network is given to.
        activation: of the hidden layers, anything that Keras takes.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation, or a Keras dtype policy.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: ``hidden_units`` is no list of integers.
        ValueError: a width that is not positive; built without an output size.

    >>> net = MLP(hidden_units=[32, 32], output_size=4, seed=0)
    >>> net.build((None, 2))
    >>> net(keras.ops.ones((3, 2))).shape
    TensorShape([3, 4])
    """

    def __init__(
        self,
        hidden_units: Sequence[int] = (64, 64),
        output_size: int | None = None,
        *,
        activation="silu",
        seed: int | None = None,
        dtype=None,
        name: str | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, name=name, **kwargs)
        self.hidden_units = _widths(hidden_units, "hidden_units")
        if output_size is not None:
            (output_size,) = _widths([output_size], "output_size")
        self.output_size = output_size
        self.activation = keras.activations.get(activation)
        self.seed = seed

    def build(self, input_shape):
        """Makes the weights, for inputs of size ``input_shape[-1]``."""
        if self.output_size is None:
            raise ValueError(
                "MLP: output_size is not set; give it, or give the network to a "
                "bijector that knows it."
            )
        seeds = split_seed(self.seed, len(self.hidden_units))
        self._layers_in_order = [
            keras.layers.Dense(
                units,
                activation=self.activation,
                kernel_initializer=keras.initializers.HeNormal(seed=seed),
                dtype=self.dtype_policy,
            )
            for units, seed in zip(self.hidden_units, seeds, strict=True)
        ]
        self._layers_in_order.append(
            keras.layers.Dense(
                self.output_size, kernel_initializer="zeros", dtype=self.dtype_policy
            )
        )
        shape = tuple(input_shape)
        for layer in self._layers_in_order:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, x):
        """The output, ``[N, output_size]``."""
        for layer in self._layers_in_order:
            x = layer(x)
        return x

    def compute_output_shape(self, input_shape):
        """``input_shape`` with its last dimension replaced."""
        return (*input_shape[:-1], self.output_size)

    def get_config(self):
        """The arguments of the constructor."""
        return super().get_config() | {
            "hidden_units": self.hidden_units,
            "output_size": self.output_size,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }


def _widths(widths, name: str) -> list[int]:
    if not isinstance(widths, Sequence) or not all(
        isinstance(units, int | np.integer) for units in widths
    ):
        raise TypeError(
            f"MLP: {name} must be integers, such as [64, 64], but got {widths!r}."
        )
    if any(units < 1 for units in widths):
        raise ValueError(f"MLP: {name} must be 1 or more, but got {widths!r}.")
    return [int(units) for units in widths]
