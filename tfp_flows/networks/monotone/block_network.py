"""The network of a block neural autoregressive flow."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_count, checked_number, checked_permutation
from tfp_flows.math import permute
from tfp_flows.networks.activation import activation_config
from tfp_flows.networks.column_dense import ColumnDense
from tfp_flows.networks.monotone.block_dense import BlockDense
from tfp_flows.networks.monotone.block_inverse import inverse
from tfp_flows.networks.monotone.block_start import set_start
from tfp_flows.networks.monotone.leaky_activation import (
    LeakyActivation,
    checked_activation,
)
from tfp_flows.networks.monotone.monotone_network import MonotoneNetwork
from tfp_flows.random_state import Seed, as_integer, split_seed

_GATE = 0.8  # Where g starts. Nearer to 1 a flow learns faster, but starts less near.


@keras.saving.register_keras_serializable(package="tfp_flows")
class BlockNetwork(MonotoneNetwork):
    """An invertible network, increasing in each dimension, for `BlockAutoregressive`.

    z = (1 − g)·x + g·f(x). The layers of f, h ← σ(W h + b), have a block of units for
    each dimension, and W is block-triangular: positive blocks on the diagonal, exp of
    weights, and any numbers below. So z of a dimension increases in the x of that
    dimension and depends on the dimensions before it in any way. σ(h) = αh + a(h) with
    α > 0 for each unit; the gate g in (0, 1) is one for each dimension. Either makes
    the network onto the real numbers, and so invertible everywhere.

    From ``[N, D]``, and a context ``[N, context_size]`` if it takes one, to
    ``[N, 2·D]``: z, and the logarithms of dzᵢ/dxᵢ, which are carried along through the
    diagonal blocks as sums of positive terms. It starts near the identity (see
    `block_start`); the context starts without an effect.

    Cost: one evaluation as a dense network of D·hidden_factor units a layer, and less
    for the slopes. `invert` two evaluations, and a scalar root search in each dimension
    that sees one block (4 to 30 times the diagonal blocks); its gradient another two,
    at a memory that does not grow with D.

    Args:
        event_size: D.
        hidden_factor: units of each hidden layer for each dimension.
        num_hidden_layers: how many hidden layers.
        order: the dimensions in the order in which they depend on each other; 0 … D − 1
            if not given.
        context_size: size of the context; ``None`` if the network takes none. Every
            layer, and so every dimension, sees all of it.
        activation: a, anything that Keras takes which does not decrease anywhere, such
            as tanh, sigmoid or elu.
        alpha: where the α start; they should be small, as near ±∞ they are all that is
            left of σ's slope.
        train_alpha: whether the α are trained.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation; under a Keras policy of mixed precision, that
            of the weights, for log-determinants need all digits.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: a size that is no integer.
        ValueError: a size that is not positive, an order that is no permutation, an
            alpha that is not positive, an activation that decreases somewhere; called
            without the context that it takes.

    >>> net = BlockNetwork(event_size=3, hidden_factor=4, seed=0)
    >>> net.build((None, 3))
    >>> net(keras.ops.ones((5, 3))).shape
    TensorShape([5, 6])

    Paper: De Cao, Titov and Aziz (2019), Block neural autoregressive flow.
    """

    shares_programs = True

    def __init__(
        self,
        event_size: int,
        hidden_factor: int = 32,
        num_hidden_layers: int = 2,
        *,
        order: Sequence[int] | None = None,
        context_size: int | None = None,
        activation: Any = "tanh",
        alpha: float = 0.03,
        train_alpha: bool = True,
        seed: Seed = None,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        dtype = keras.dtype_policies.get(dtype).variable_dtype
        super().__init__(dtype=dtype, name=name, **kwargs)
        size = checked_count(event_size, "BlockNetwork: event_size")
        self._set_sizes(
            event_size=size, output_size=2 * size, context_size=context_size
        )
        self.hidden_factor = checked_count(hidden_factor, "BlockNetwork: hidden_factor")
        where = "BlockNetwork: num_hidden_layers"
        self.num_hidden_layers = checked_count(num_hidden_layers, where)
        order = np.arange(size) if order is None else order
        self.order = checked_permutation(order, "BlockNetwork: order", size).tolist()
        self.activation = checked_activation(activation, "BlockNetwork")
        self.alpha = checked_number(alpha, "BlockNetwork: alpha")
        if not 0.0 < self.alpha < np.inf:
            raise ValueError(f"BlockNetwork: alpha must be positive, but got {alpha}.")
        self.train_alpha = bool(train_alpha)
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    def build(self, x_shape: Sequence, context_shape: Sequence | None = None) -> None:
        """Makes the weights."""
        self._check_built_for(x_shape)
        size, units = self.event_size, self.hidden_factor
        options = {"dtype": self.dtype, "trainable": self.trainable}
        widths = [units] * self.num_hidden_layers + [1]
        self.dense = [BlockDense(size, width, **options) for width in widths]
        for layer, inputs in zip(self.dense, [1, *widths], strict=False):
            layer.build((size, inputs, None))
        options["train_alpha"] = self.train_alpha
        self.activations = [
            LeakyActivation(self.activation, self.alpha, **options) for _ in widths[:-1]
        ]
        for activation in self.activations:
            activation.build((size, units, None))
        start = np.log(_GATE / (1.0 - _GATE))
        self.logit_gate = self.add_weight(
            shape=(size, 1),
            initializer=keras.initializers.Constant(start),
            name="logit_gate",
        )
        self._build_context(widths)
        set_start(self.dense, self.activations, split_seed(self.seed, 1)[0])

    def _build_context(self, widths):
        options = {"dtype": self.dtype, "trainable": self.trainable}
        self.from_context = []
        if self.context_size is not None:
            self.from_context = [
                ColumnDense(self.event_size * width, use_bias=False, **options)
                for width in widths
            ]
        for layer in self.from_context:
            layer.build((self.context_size, None))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The images and the logarithms of their slopes, ``[N, 2·D]``."""
        self._check_inputs(x, context)
        columns = permute(tf.transpose(x), self.order, axis=0)
        z, slope, _ = self.evaluated(columns, self._added(context))
        back = np.argsort(self.order)
        parts = [permute(part, back, axis=0) for part in (z, tf.math.log(slope))]
        return tf.transpose(tf.concat(parts, axis=0))

    def invert(
        self,
        z: tf.Tensor,
        context: tf.Tensor | None = None,
        *,
        where: str = "BlockNetwork",
        validate_args: bool = False,
    ) -> tf.Tensor:
        """Do as `MonotoneNetwork.invert`; a second derivative is refused."""
        self._check_inputs(z, context)
        columns = permute(tf.transpose(z), self.order, axis=0)
        added = self._added(context)
        x = inverse(self, columns, added, where=where, validate_args=validate_args)
        return tf.transpose(permute(x, np.argsort(self.order), axis=0))

    def evaluated(
        self, x: tf.Tensor, added: Sequence
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """The images, their slopes, and the slopes of each hidden layer's activation.

        Args:
            x: columns ``[D, N]`` in the network's order.
            added: what a context adds to each layer.
        """
        h, total, slopes = x[:, tf.newaxis], tf.ones_like(x[:, tf.newaxis]), []
        for layer, activation, extra in zip(
            self.dense, [*self.activations, None], added, strict=True
        ):
            h = layer(h) + extra
            total = tf.matmul(layer.diagonal(), total)
            if activation is not None:
                h, slope = activation.value_and_slope(h, activation.alphas())
                total = total * slope
                slopes.append(slope)
        gate, passed = self.gates()
        return passed * x + gate * h[:, 0], passed + gate * total[:, 0], slopes

    def gates(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The gates g and 1 − g, ``[D, 1]``."""
        logit = tf.convert_to_tensor(self.logit_gate)
        return tf.sigmoid(logit), tf.sigmoid(-logit)

    def _added(self, context) -> list:
        """The terms that the context adds to each layer."""
        if context is None:
            return [0.0] * len(self.dense)
        columns = tf.transpose(tf.cast(context, self.dtype))
        shape = [self.event_size, -1, tf.shape(columns)[-1]]
        return [tf.reshape(layer(columns), shape) for layer in self.from_context]

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "event_size": self.event_size,
            "hidden_factor": self.hidden_factor,
            "num_hidden_layers": self.num_hidden_layers,
            "order": self.order,
            "context_size": self.context_size,
            "activation": activation_config(self.activation),
            "alpha": self.alpha,
            "train_alpha": self.train_alpha,
            "seed": self.seed,
        }
