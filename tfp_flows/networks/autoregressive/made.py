"""The masked autoencoder for distribution estimation."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_counts
from tfp_flows.networks.activation import activation_config, as_activation
from tfp_flows.networks.autoregressive.conditioner import Conditioner
from tfp_flows.networks.autoregressive.made_scan import scan
from tfp_flows.networks.column_dense import ColumnDense
from tfp_flows.networks.widths import default_hidden_units
from tfp_flows.random_state import Seed, as_integer, split_seed


@keras.saving.register_keras_serializable(package="tfp_flows")
class MADE(Conditioner):
    """A dense network with masks: parameters of a dimension depend on those before it.

    From ``[N, D]``, and a context ``[N, context_size]`` if it takes one, to
    ``[N, D·K]``; the last layer starts at zero. Each hidden unit has a degree, the last
    dimension (in the given order) that it may depend on. Units are sorted by degree, in
    blocks of nearly equal size, so that the weights are block-triangular: in wide
    layers half of the zeros are not multiplied, and `scan` computes each unit once.

    Cost: one evaluation as a dense network; `scan` one to three of them, at any D.
    The gradient of `scan` is a substitution of the same cost in the opposite direction
    and one evaluation with its gradient, at a memory that does not grow with D. (Within
    ``tf.vectorized_map``, `scan` takes D evaluations.)

    Args:
        event_size: D.
        hidden_units: width of each hidden layer, at least D − 1 (D with a context):
            with fewer units some dimension would not depend on the one before it. An
            empty list makes the map linear; ``None`` two layers of 64, or of D where
            that is more.
        output_size: D·K; ``None`` leaves it to the bijector that it is given to.
        order: the dimensions in the order in which they depend on each other; 0 … D − 1
            if not given.
        context_size: size of the context; ``None`` if the network takes none. Every
            parameter depends on all of the context, those of the first dimension
            included.
        residual: whether each hidden layer as wide as the one below adds its input:
            h + a(W h + b) in place of a(W h + b).
        activation: a of the hidden layers, anything that Keras takes.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation, or a Keras dtype policy. `scan` computes in
            the dtype of the weights: under ``"mixed_bfloat16"`` it is the inverse of an
            evaluation up to the rounding of bfloat16.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: a size that is no integer, ``hidden_units`` no list of them.
        ValueError: a size that is not positive, too few hidden units, an order that is
            no permutation, an output size that D does not divide; built without an
            output size; called without the context that it takes.

    >>> net = MADE(event_size=3, hidden_units=[32, 32], output_size=6, seed=0)
    >>> net.build((None, 3))
    >>> net(keras.ops.ones((5, 3))).shape
    TensorShape([5, 6])

    Paper: Germain, Gregor, Murray and Larochelle (2015), MADE: masked autoencoder for
    distribution estimation.
    """

    shares_programs = True

    def __init__(
        self,
        event_size: int,
        hidden_units: Sequence[int] | None = None,
        output_size: int | None = None,
        *,
        order: Sequence[int] | None = None,
        context_size: int | None = None,
        residual: bool = False,
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
        if hidden_units is None:
            hidden_units = default_hidden_units(self.event_size)
        self.hidden_units = checked_counts(hidden_units, "MADE: hidden_units")
        self.residual = bool(residual)
        self.activation = as_activation(activation, type(self).__name__)
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")
        self.degrees = [self._degrees_of(units) for units in self._widths()]

    def _widths(self) -> list[int]:
        # The parameters of a single dimension without a context depend on nothing.
        alone = self.event_size == 1 and self.context_size is None
        return [] if alone else self.hidden_units

    def _degrees_of(self, units: int) -> np.ndarray:
        """The degrees of units: from 0, or −1 for those that see only a context."""
        lowest = 0 if self.context_size is None else -1
        count = self.event_size - 1 - lowest
        if units < count:
            raise ValueError(
                f"MADE: a hidden layer of {units} units is too narrow for event_size "
                f"{self.event_size}: it needs {count} or more, or some dimension would "
                "not depend on the one before it. hidden_units=None takes enough."
            )
        return lowest + np.sort(np.arange(units) % count)

    def build(self, x_shape: Sequence, context_shape: Sequence | None = None) -> None:
        """Makes the weights."""
        size = self.event_size
        self._check_built_for(x_shape)
        # The degree of a dimension is its index in the order; the columns stay.
        ranks = np.argsort(self.order)
        outputs = np.repeat(ranks - 1, self.output_size // size)
        degrees = [ranks, *self.degrees, outputs]
        *seeds, context_seed = split_seed(self.seed, len(degrees) - 1)
        self.dense = [
            ColumnDense(
                len(high),
                degrees=(low, high),
                seed=seed,
                dtype=self.dtype_policy,
                trainable=self.trainable,
            )
            for low, high, seed in zip(
                degrees, degrees[1:], [*seeds, None], strict=False
            )
        ]
        sizes = [len(degree) for degree in degrees]
        for layer, inputs in zip(self.dense, sizes, strict=False):
            layer.build((inputs, None))
        self._context_layers: list[ColumnDense] = []
        if self.context_size is not None:
            self._build_context(sizes[1:], context_seed)

    def _build_context(self, sizes, seed):
        # To every layer, so that also a network without hidden units sees it; to the
        # output from zero, as all of the last layer.
        seeds = [*split_seed(seed, len(sizes) - 1), None]
        self._context_layers = [
            ColumnDense(
                units,
                use_bias=False,
                seed=s,
                dtype=self.dtype_policy,
                trainable=self.trainable,
            )
            for units, s in zip(sizes, seeds, strict=True)
        ]
        for layer in self._context_layers:
            layer.build((self.context_size, None))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The parameters, ``[N, D·K]``: those of the first dimension come first."""
        self._check_inputs(x, context)
        added = self._from_context(context, x.dtype)
        *_, params = self.pre_activations(tf.transpose(x), added)
        return tf.transpose(params)

    def _from_context(self, context, dtype) -> list:
        """The terms that the context adds to each layer."""
        if context is None:
            return [0.0] * len(self.dense)
        columns = tf.transpose(tf.cast(context, dtype))
        return [tf.cast(layer(columns), dtype) for layer in self._context_layers]

    def pre_activations(self, h: tf.Tensor, added: Sequence) -> list[tf.Tensor]:
        """The values before each activation, and the output, in the dtype of ``h``."""
        dtype = h.dtype
        *hidden, last = self.dense
        values = []
        for index, layer in enumerate(hidden):
            values.append(tf.cast(layer(h), dtype) + added[index])
            active = self.activation(values[-1])
            h = active + h if self.skips(index) else active
        return [*values, tf.cast(last(h), dtype) + added[-1]]

    def skips(self, index: int) -> bool:
        """Tell whether hidden layer ``index`` adds its input."""
        widths = self.hidden_units
        return self.residual and index > 0 and widths[index] == widths[index - 1]

    def scan(self, solve: Callable, z: tf.Tensor, *context: tf.Tensor) -> tf.Tensor:
        """Do as `Conditioner.scan`, by substitution; a second derivative is refused."""
        self._check_inputs(z, *context or [None])
        (v,) = context or (None,)
        added = self._from_context(v, z.dtype)
        return tf.transpose(scan(self, solve, tf.transpose(z), added))

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "event_size": self.event_size,
            "hidden_units": self.hidden_units,
            "output_size": self.output_size,
            "order": self.order,
            "context_size": self.context_size,
            "residual": self.residual,
            "activation": activation_config(self.activation),
            "seed": self.seed,
        }
