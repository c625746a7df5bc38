"""The network of WaveNet."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.checks import checked_count, checked_counts
from tfp_flows.networks.activation import activation_config, as_activation
from tfp_flows.networks.autoregressive.conditioner import Conditioner, row_of
from tfp_flows.networks.autoregressive.dilation import (
    doubling,
    new_queue,
    seen_at,
    seen_of,
)
from tfp_flows.random_state import Seed, as_integer, split_seed


@keras.saving.register_keras_serializable(package="tfp_flows")
class WaveNet(Conditioner):
    """Causal convolutions with growing gaps, gated, with residuals and skips.

    From ``[N, D]``, and a context v ``[N, C]`` if it takes one, to ``[N, D·K]``. The
    dimensions in their order are a signal. Layer l, of dilation d, has at step i

        (a, b) = Σ_m W_m·h_{i − m·d} + U·v + c,   m = 0 … kernel_size − 1
        g = tanh(a)·σ(b);   h ← h + R·g;   s ← s + S·g

    where h₀ at step i is a multiple of the value at step i − 1 and a trained vector
    for that step. The parameters are two layers over s, the second of which starts at
    zero and has a bias for each step: the weights are the same everywhere, and still
    steps may differ.

    A step depends on the `receptive_field` before it, by default all of it.

    Cost: one evaluation O(D·L·F²) a point for L layers of F filters; `scan` about one
    evaluation, for `step` keeps what each layer needs of earlier steps in a queue
    that goes round. Its gradient keeps the states of all steps.

    Args:
        event_size: D.
        filters: F, width of all layers.
        output_size: D·K; ``None`` leaves it to the bijector that it is given to.
        kernel_size: steps that one convolution sees, at least 2.
        dilations: the gap between them, a number for each layer; 1, 2, 4, … 512, 1, …
            until all dimensions are seen, if not given.
        order: the dimensions in the order in which they depend on each other; 0 … D − 1
            if not given.
        context_size: C; ``None`` if the network takes no context. Every parameter
            depends on all of the context, those of the first dimension included.
        activation: of the two last layers, anything that Keras takes.
        seed: of the initial weights. Without it they come from Python's generator,
            which ``keras.utils.set_random_seed`` sets.
        dtype: of weights and computation, or a Keras dtype policy.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: a size that is no integer, ``dilations`` no list of them.
        ValueError: a size that is not positive, a kernel size below 2, no dilations, an
            order that is no permutation, an output size that D does not divide; built
            without an output size; called without the context that it takes.

    >>> net = WaveNet(event_size=16, filters=8, output_size=32, seed=0)
    >>> list(net.dilations), net.receptive_field
    ([1, 2, 4, 8], 16)
    >>> net.build((None, 16))
    >>> net(keras.ops.ones((5, 16))).shape
    TensorShape([5, 32])

    Papers: van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior
    and Kavukcuoglu (2016), WaveNet: a generative model for raw audio; Le Paine,
    Khorrami, Chang, Zhang, Ramachandran, Hasegawa-Johnson and Huang (2016), Fast
    WaveNet generation algorithm.
    """

    shares_programs = True

    def __init__(
        self,
        event_size: int,
        filters: int = 32,
        output_size: int | None = None,
        *,
        kernel_size: int = 2,
        dilations: Sequence[int] | None = None,
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
        self.filters = checked_count(filters, "WaveNet: filters")
        self.kernel_size = checked_count(kernel_size, "WaveNet: kernel_size")
        if self.kernel_size < 2:
            raise ValueError(
                "WaveNet: kernel_size must be 2 or more, or no layer sees a step "
                f"before its own, but got {kernel_size}."
            )
        if dilations is None:
            dilations = doubling(self.event_size - 1, self.kernel_size)
        self.dilations = checked_counts(dilations, "WaveNet: dilations")
        if not self.dilations:
            raise ValueError("WaveNet: dilations must be one or more, but got none.")
        self.activation = as_activation(activation, type(self).__name__)
        self.seed = as_integer(seed, f"{type(self).__name__}: seed")

    @property
    def receptive_field(self) -> int:
        """The number of dimensions before its own on which a parameter may depend."""
        return 1 + (self.kernel_size - 1) * sum(self.dilations)

    def build(self, x_shape: Sequence, context_shape: Sequence | None = None) -> None:
        """Makes the weights."""
        self._check_built_for(x_shape)
        num, width = len(self.dilations), self.filters
        seeds = iter(split_seed(self.seed, 3 * num + 3))

        def dense(*sizes, **options):
            return self._dense(*sizes, seed=next(seeds), **options)

        self._entry = dense(1, width, use_bias=False)
        self.positions = self.add_weight(
            shape=(self.event_size, width),
            initializer=keras.initializers.RandomNormal(stddev=0.5, seed=next(seeds)),
            name="positions",
        )
        # Over what a convolution sees, side by side: `step` has it from its queues.
        self._gates = [dense(self.kernel_size * width, 2 * width) for _ in range(num)]
        self._contexts = []
        if self.context_size is not None:
            self._contexts = [
                dense(self.context_size, 2 * width, use_bias=False) for _ in range(num)
            ]
        # To the residual and to the skip; of the last layer only the skip is used.
        self._exits = [dense(width, 2 * width) for _ in range(num - 1)]
        self._exits.append(dense(width, width))
        self._hidden = dense(width, width, gain=2.0)
        self._build_last()

    def _dense(self, size, units, *, seed, gain=1.0, **options) -> keras.layers.Dense:
        layer = keras.layers.Dense(
            units,
            kernel_initializer=keras.initializers.VarianceScaling(gain, seed=seed),
            dtype=self.dtype_policy,
            trainable=self.trainable,
            **options,
        )
        layer.build((None, size))
        return layer

    def _build_last(self) -> None:
        self._last = keras.layers.EinsumDense(
            "ndf,fk->ndk",
            (self.event_size, self._num_params),
            bias_axes="dk",
            kernel_initializer="zeros",
            dtype=self.dtype_policy,
            trainable=self.trainable,
        )
        self._last.build((None, self.event_size, self.filters))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The parameters, ``[N, D·K]``: those of the first dimension come first."""
        self._check_inputs(x, context)
        h = self._entry(self._before(x)[..., tf.newaxis])
        h, total = h + tf.cast(self.positions, h.dtype), 0.0
        added = [term[:, tf.newaxis] for term in self._from_context(context)]
        for index, dilation in enumerate(self.dilations):
            seen = seen_of(h, self.kernel_size, dilation)
            h, skip = self._through(index, seen, h, added)
            total += skip
        return self._by_dimension(self._last(self._to_last(total)))

    def _from_context(self, context=None) -> list:
        """The terms that the context adds to each layer; none without a context."""
        return [layer(context) for layer in self._contexts]

    def _through(self, index, seen, h, added):
        """The output of layer ``index`` to the next one, and that to the skips."""
        gates = self._gates[index](seen)
        if added:
            gates += added[index]
        a, b = tf.split(gates, 2, axis=-1)
        outputs = self._exits[index](tf.tanh(a) * tf.sigmoid(b))
        if index == len(self.dilations) - 1:
            return h, outputs
        residual, skip = tf.split(outputs, 2, axis=-1)
        return h + residual, skip

    def _to_last(self, total):
        return self.activation(self._hidden(self.activation(total)))

    def initial_state(self, z: tf.Tensor, *context: tf.Tensor) -> Any:
        """A queue of zeros for each layer, and what the context adds to each."""
        self._check_inputs(z, *context or [None])
        zeros = tf.zeros([tf.shape(z)[0], self.filters], self.compute_dtype)
        queues = [new_queue(zeros, self.kernel_size, d) for d in self.dilations]
        return queues, self._from_context(*context)

    def step(
        self, state: Any, i: tf.Tensor, previous: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """Do as `Conditioner.step`; the state has a queue for each layer."""
        queues, added = state
        h = self._entry(previous[:, tf.newaxis])
        h, total = h + tf.cast(row_of(self.positions, i), h.dtype), 0.0
        later = []
        for index, (queue, dilation) in enumerate(
            zip(queues, self.dilations, strict=True)
        ):
            seen, queue = seen_at(i, h, queue, self.kernel_size, dilation)
            later.append(queue)
            h, skip = self._through(index, seen, h, added)
            total += skip
        last = tf.cast(self._last.kernel, h.dtype), row_of(self._last.bias, i)
        params = tf.matmul(self._to_last(total), last[0]) + tf.cast(last[1], h.dtype)
        return tf.cast(tf.transpose(params), previous.dtype), (later, added)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "event_size": self.event_size,
            "filters": self.filters,
            "output_size": self.output_size,
            "kernel_size": self.kernel_size,
            "dilations": self.dilations,
            "order": self.order,
            "context_size": self.context_size,
            "activation": activation_config(self.activation),
            "seed": self.seed,
        }
