"""The class of conditioners of autoregressive layers."""

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.math import scan_by_evaluation


class Conditioner(keras.layers.Layer):
    """A network whose output for a dimension depends on the dimensions before it alone.

    It is evaluated in two ways. All at once: called with ``[N, D]``, and a context
    ``[N, context_size]`` if it takes one, it gives ``[N, D·K]``. And one dimension
    after another: `scan` finds the x whose dimensions solve an equation with the
    parameters that they themselves determine.

    A subclass sets ``event_size`` (D), ``order`` (the dimensions, each after those that
    it depends on), ``output_size`` (D·K, ``None`` until it is known) and
    ``context_size``, and writes ``call``. With that alone `scan` costs D evaluations. A
    network that keeps a state from one dimension to the next writes `initial_state` and
    `step` as well, and `scan` costs about one; or it writes a `scan` of its own.
    """

    event_size: int
    order: list[int]
    output_size: int | None = None
    context_size: int | None = None

    def initial_state(self, z: tf.Tensor, *context: tf.Tensor):
        """What `step` is given first: a tensor, or a structure of tensors.

        Args:
            z: the points that are asked for, ``[N, D]``, for N and the dtype.
            *context: ``[N, context_size]``, if the network takes one.
        """
        raise NotImplementedError

    def step(self, state, i: tf.Tensor, previous: tf.Tensor):
        """The parameters ``[K, N]`` of dimension ``order[i]``, and the next state.

        Args:
            state: of the step before.
            i: how many dimensions are known.
            previous: the last of them, ``[N]``; zeros if there is none.
        """
        raise NotImplementedError

    def scan(self, solve, z: tf.Tensor, *context: tf.Tensor) -> tf.Tensor:
        """The x ``[N, D]`` with x_i = solve(params_i(x before i), z_i), with gradients.

        Args:
            solve: from parameters ``[K, N]`` and ``z_i`` ``[N]`` to ``x_i`` ``[N]``;
                elementwise, so that it serves ``[K, D, N]`` and ``[D, N]``, too.
            z: ``[N, D]``.
            *context: ``[N, context_size]``, if the network takes one.
        """
        if type(self).step is Conditioner.step:
            return scan_by_evaluation(
                lambda x: self._parameters(x, *context), solve, z, self.order
            )
        return self._scan_by_step(solve, z, *context)

    def _parameters(self, x, *context):
        params = self(x, *context)
        shape = [-1, self.event_size, self.output_size // self.event_size]
        return tf.reshape(tf.cast(params, x.dtype), shape)

    def _scan_by_step(self, solve, z, *context):
        order = tf.constant(self.order)
        found = tf.TensorArray(z.dtype, self.event_size, element_shape=[None])

        def body(i, state, previous, found):
            params, state = self.step(state, i, previous)
            x_i = solve(params, tf.gather(z, order[i], axis=-1))
            return i + 1, state, x_i, found.write(i, x_i)

        state = self.initial_state(z, *context)
        *_, found = tf.while_loop(
            lambda i, *_: i < self.event_size,
            body,
            (tf.constant(0), state, tf.zeros_like(z[:, 0]), found),
            maximum_iterations=self.event_size,  # XLA's gradient of the loop needs it.
        )
        return tf.gather(tf.transpose(found.stack()), np.argsort(self.order), axis=-1)
