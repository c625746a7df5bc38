"""A recurrent network over the dimensions."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_count
from tfp_flows.networks.autoregressive.conditioner import Conditioner, row_of
from tfp_flows.networks.autoregressive.recurrent_cell import make_cell
from tfp_flows.random_state import Seed, as_integer, split_seed

# Numbers that tell the cell where it is. Few, so that the values are not drowned.
_POSITION_SIZE = 8


@keras.saving.register_keras_serializable(package="tfp_flows")
class Recurrent(Conditioner):
    """An LSTM, a GRU or another cell that reads the dimensions one by one.

    From ``[N, D]``, and a context v ``[N, C]`` if it takes one, to ``[N, D·K]``:

        hᵢ, sᵢ = cell([x_{i−1}, v, eᵢ], s_{i−1})
        θᵢ = V·hᵢ + bᵢ

    with a trained vector eᵢ and a bias bᵢ for each step i in the order; V and b start
    at zero. All else is the same at every step.

    With a ``row_size`` of W the dimensions are the pixels of an image, row by row, and
    the cell sees the three pixels above as well, x_{i−W−1}, x_{i−W} and x_{i−W+1} (0
    outside of the image): what is near in the image is then near for the network. That
    is the idea of PixelRNN, whose own cells get at the row above by convolutions over
    their states.

    Cost: one evaluation is D steps of the cell, one after another, O(D·H²) a point for
    H units; `scan` the same.

    Args:
        event_size: D.
        units: H, width of the cell; 64 if not given. If the cell itself is given, it is
            the cell's.
        output_size: D·K; ``None`` leaves it to the bijector that it is given to.
        cell: a class of Keras cells such as ``keras.layers.LSTMCell``, or a function,
            called as ``cell(units)`` with those of ``dtype``, ``seed``,
            ``kernel_initializer`` and ``recurrent_initializer`` that it takes. Or a
            cell, such as ``keras.layers.StackedRNNCells([…])``, of which a copy is
            made; its own initializers then say how it starts. To be saved, a class of
            your own must be registered with Keras.
        row_size: W, which divides D; ``None`` if there are no rows.
        order: the dimensions in the order in which they depend on each other; 0 … D − 1
            if not given. Rows are rows of that order.
        context_size: C; ``None`` if the network takes no context. Every parameter
            depends on all of the context, those of the first dimension included.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation, or a Keras dtype policy.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: a size that is no integer, a cell that is none.
        ValueError: a size that is not positive, units that are not the cell's, a cell
            of another dtype or with dropout, a row size that does not divide D, an
            order that is no permutation, an output size that D does not divide; built
            without an output size; called without the context that it takes.

    >>> net = Recurrent(
    ...     event_size=6, units=8, output_size=12, cell=keras.layers.GRUCell,
    ...     row_size=3, seed=0)
    >>> net.build((None, 6))
    >>> net(keras.ops.ones((5, 6))).shape
    TensorShape([5, 12])

    Papers: Hochreiter and Schmidhuber (1997), Long short-term memory; van den Oord,
    Kalchbrenner and Kavukcuoglu (2016), Pixel recurrent neural networks.
    """

    def __init__(
        self,
        event_size: int,
        units: int | None = None,
        output_size: int | None = None,
        *,
        cell: Callable | keras.Layer = keras.layers.LSTMCell,
        row_size: int | None = None,
        order: Sequence[int] | None = None,
        context_size: int | None = None,
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
        if row_size is not None:
            row_size = checked_count(row_size, "Recurrent: row_size")
            if self.event_size % row_size:
                raise ValueError(
                    f"Recurrent: row_size must divide event_size {self.event_size}, "
                    f"but got {row_size}."
                )
        self.row_size = row_size
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")
        if units is not None:
            units = checked_count(units, "Recurrent: units")
        self.cell = make_cell(cell, units, seed, self.dtype_policy)
        self.units = self.cell.output_size

    def build(self, x_shape: Sequence, context_shape: Sequence | None = None) -> None:
        """Makes the weights."""
        self._check_built_for(x_shape)
        size = self.event_size
        seed = split_seed(self.seed, 5)[3]
        self.positions = self.add_weight(
            shape=(size, _POSITION_SIZE),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=seed),
            name="positions",
        )
        num_values = 1 if self.row_size is None else 4
        num_inputs = num_values + (self.context_size or 0) + _POSITION_SIZE
        if not self.cell.built:
            self.cell.build((None, num_inputs))
        self.output_kernel = self.add_weight(
            shape=(self._num_params, self.units),
            initializer="zeros",
            name="output_kernel",
        )
        self.output_bias = self.add_weight(
            shape=(size, self._num_params, 1), initializer="zeros", name="output_bias"
        )

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The parameters, ``[N, D·K]``: those of the first dimension come first."""
        self._check_inputs(x, context)
        return self._call_by_step(x, context)

    def initial_state(self, z: tf.Tensor, *context: tf.Tensor) -> Any:
        """The cell's first state, the values of the last row, and the context."""
        context = context or (None,)
        self._check_inputs(z, *context)
        length = 1 if self.row_size is None else self.row_size + 1
        recent = tf.zeros([length, tf.shape(z)[0]], self.compute_dtype)
        state = self.cell.get_initial_state(batch_size=tf.shape(z)[0])
        if self.context_size is None:
            return state, recent
        return state, recent, tf.cast(context[0], recent.dtype)

    def step(
        self, state: Any, i: tf.Tensor, previous: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """Do as `Conditioner.step`; the state holds the newest value first."""
        state, recent, *context = state
        newest = tf.cast(previous, recent.dtype)[tf.newaxis]
        recent = tf.concat([newest, recent[:-1]], axis=0)
        values = [recent[0]]
        if self.row_size is not None:
            values += self._above(recent, i)
        position = tf.cast(row_of(self.positions, i), recent.dtype)
        # Not `broadcast_to` a shape, which XLA must know when it compiles.
        position = position + tf.zeros_like(values[0])[:, tf.newaxis]
        inputs = [tf.stack(values, axis=-1), *context, position]
        h, new = self.cell(tf.concat(inputs, axis=-1), state)
        new = tf.nest.pack_sequence_as(state, tf.nest.flatten(new))
        kernel = tf.cast(self.output_kernel, h.dtype)
        bias = tf.cast(row_of(self.output_bias, i), h.dtype)
        params = tf.matmul(kernel, h, transpose_b=True) + bias
        return tf.cast(params, previous.dtype), (new, recent, *context)

    def _above(self, recent, i) -> list[tf.Tensor]:
        """The three pixels above, ``[N]`` each; 0 where there is none."""
        size = self.row_size or 1
        row, column = np.divmod(np.arange(self.event_size), size)
        inside = [column > 0, column >= 0, column < size - 1]
        exists = tf.constant(np.stack([(row > 0) & there for there in inside]))[:, i]
        # In rows of one pixel nothing is right above, nor is there an index for it.
        back = (size, size - 1, max(size - 2, 0))
        values = [recent[index] for index in back]
        return [
            tf.where(exists[j], value, tf.zeros_like(value))
            for j, value in enumerate(values)
        ]

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "event_size": self.event_size,
            "units": self.units,
            "output_size": self.output_size,
            "cell": keras.saving.serialize_keras_object(self.cell),
            "row_size": self.row_size,
            "order": self.order,
            "context_size": self.context_size,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict) -> "Recurrent":
        """Make the layer of a configuration."""
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**(config | {"cell": cell}))
