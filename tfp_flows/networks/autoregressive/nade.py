"""The neural autoregressive distribution estimator."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_count
from tfp_flows.math import permute
from tfp_flows.networks.activation import activation_config, as_activation
from tfp_flows.networks.autoregressive.conditioner import Conditioner, row_of
from tfp_flows.random_state import Seed, as_integer, split_seed


@keras.saving.register_keras_serializable(package="tfp_flows")
class NADE(Conditioner):
    """One hidden layer that is shared: each dimension adds a little to it.

    From ``[N, D]``, and a context v ``[N, C]`` if it takes one, to ``[N, D·K]``: the
    parameters of dimension i are

        θᵢ = Vᵢ·h(a(c + U v + Σ W_{·j} x_j over the dimensions j before i)) + bᵢ

    with a layer Vᵢ of its own for each dimension, which starts at zero, and all else in
    common. So the hidden layer of a dimension is that of the one before it, before the
    activation, and one column of W: all D of them are a cumulative sum, and `step`
    keeps that sum.

    Cost: one evaluation O(D·H·(K + √D)) a point for H hidden units, its sums being two
    products with triangular matrices; `scan` O(D·H·K), which is no more. The gradients
    of either need D·H numbers a point; those of a `tfp_flows.conditioners.MADE`, H.

    Args:
        event_size: D.
        hidden_units: H, width of the one hidden layer.
        output_size: D·K; ``None`` leaves it to the bijector that it is given to.
        order: the dimensions in the order in which they depend on each other; 0 … D − 1
            if not given.
        context_size: C; ``None`` if the network takes no context. Every parameter
            depends on all of the context, those of the first dimension included.
        activation: a, anything that Keras takes.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation, or a Keras dtype policy. `scan` computes in
            the dtype of the weights.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: a size that is no integer.
        ValueError: a size that is not positive, an order that is no permutation, an
            output size that D does not divide; built without an output size; called
            without the context that it takes.

    >>> net = NADE(event_size=3, hidden_units=32, output_size=6, seed=0)
    >>> net.build((None, 3))
    >>> net(keras.ops.ones((5, 3))).shape
    TensorShape([5, 6])

    Papers: Larochelle and Murray (2011), The neural autoregressive distribution
    estimator; Uria, Côté, Gregor, Murray and Larochelle (2016), Neural autoregressive
    distribution estimation.
    """

    shares_programs = True

    def __init__(
        self,
        event_size: int,
        hidden_units: int = 64,
        output_size: int | None = None,
        *,
        order: Sequence[int] | None = None,
        context_size: int | None = None,
        activation: Any = "silu",
        seed: Seed = None,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(dtype=dtype, name=name, **kwargs)
        self._set_sizes(
            event_size=event_size, output_size=output_size, context_size=context_size
        )
        self._set_order(order)
        self.hidden_units = checked_count(hidden_units, "NADE: hidden_units")
        self.activation = as_activation(activation, type(self).__name__)
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    def build(self, x_shape: Sequence, context_shape: Sequence | None = None) -> None:
        """Makes the weights."""
        self._check_built_for(x_shape)
        size, units = self.event_size, self.hidden_units
        seeds = split_seed(self.seed, 3)
        he, *context_he = (keras.initializers.HeNormal(seed) for seed in seeds[:2])
        # A row for each dimension of the order but the last, which nothing depends on.
        self.kernel = None
        if size > 1:
            self.kernel = self.add_weight(
                shape=(size - 1, units), initializer=he, name="kernel"
            )
        if self.context_size is not None:
            self.context_kernel = self.add_weight(
                shape=(self.context_size, units),
                initializer=context_he[0],
                name="context_kernel",
            )
        # Not zero: with few inputs all units would have their kink at 0.
        uniform = keras.initializers.RandomUniform(-1.0, 1.0, seed=seeds[2])
        self.bias = self.add_weight(shape=(units, 1), initializer=uniform, name="bias")
        outputs = (size, self._num_params)
        self.output_kernel = self.add_weight(
            shape=(*outputs, units), initializer="zeros", name="output_kernel"
        )
        self.output_bias = self.add_weight(
            shape=(*outputs, 1), initializer="zeros", name="output_bias"
        )

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The parameters, ``[N, D·K]``: those of the first dimension come first."""
        self._check_inputs(x, context)
        first = self._before_all(x, context)[tf.newaxis]
        pre = first
        if self.kernel is not None:
            known = tf.transpose(permute(x, self.order)[:, :-1])
            kernel = tf.convert_to_tensor(self.kernel)
            added = kernel[..., tf.newaxis] * known[:, tf.newaxis]
            # A long sum in half precision would lose what is added last.
            sums = _cumulative_sum(tf.cast(added, self.variable_dtype))
            pre = tf.concat([first, first + tf.cast(sums, x.dtype)], axis=0)
        params = tf.matmul(self.output_kernel, self.activation(pre)) + self.output_bias
        params = permute(params, np.argsort(self.order), axis=0)
        return tf.transpose(tf.reshape(params, [self.output_size, -1]))

    def _before_all(self, x, context=None):
        """The hidden layer of the first dimension, before activation, ``[H, N]``."""
        bias = tf.convert_to_tensor(self.bias)
        if context is None:
            return tf.tile(bias, [1, tf.shape(x)[0]])
        rows = tf.cast(context, x.dtype)
        return bias + tf.matmul(self.context_kernel, rows, True, True)

    def initial_state(self, z: tf.Tensor, *context: tf.Tensor) -> Any:
        """The hidden layer of the first dimension, before its activation."""
        self._check_inputs(z, *context or [None])
        return self._before_all(z, *context)

    def step(
        self, state: Any, i: tf.Tensor, previous: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """Do as `Conditioner.step`; the state is the hidden layer before activation."""
        pre = state
        if self.kernel is not None:
            # At first the value is 0, and the row does not matter.
            row = row_of(self.kernel, tf.maximum(i - 1, 0))
            pre += row[:, tf.newaxis] * previous
        params = tf.matmul(row_of(self.output_kernel, i), self.activation(pre))
        return params + row_of(self.output_bias, i), pre

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "event_size": self.event_size,
            "hidden_units": self.hidden_units,
            "output_size": self.output_size,
            "order": self.order,
            "context_size": self.context_size,
            "activation": activation_config(self.activation),
            "seed": self.seed,
        }


def _cumulative_sum(x) -> tf.Tensor:
    """Sum cumulatively over the first axis, by products with two triangular matrices.

    XLA on a CPU takes several times as long for its own: for D = H = 64 and 512 points
    16 ms an evaluation in place of 4, and with the gradient 99 in place of 14.
    """
    size = x.shape[0]
    length = math.isqrt(size - 1) + 1
    num = -(-size // length)
    rows = tf.reshape(x, [size, -1])
    rows = tf.pad(rows, [[0, num * length - size], [0, 0]])
    parts = tf.reshape(rows, [num, length, tf.shape(rows)[1]])
    inside = tf.constant(np.tri(length), x.dtype)
    within = tf.matmul(tf.broadcast_to(inside, [num, length, length]), parts)
    earlier = tf.constant(np.tri(num, k=-1), x.dtype)
    sums = within + tf.matmul(earlier, within[:, -1])[:, tf.newaxis]
    flat = tf.reshape(sums, [num * length, tf.shape(rows)[1]])
    return tf.reshape(flat[:size], tf.shape(x))
