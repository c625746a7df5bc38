"""The class of conditioners of autoregressive layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_permutation
from tfp_flows.math import permute, scan_by_evaluation
from tfp_flows.networks.network import Network


class Conditioner(Network):
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

    def initial_state(self, z: tf.Tensor, *context: tf.Tensor) -> Any:
        """Give the first state of `step`: a tensor, or a structure of tensors.

        Args:
            z: the points that are asked for, ``[N, D]``, for N and the dtype.
            *context: ``[N, context_size]``, if the network takes one.
        """
        raise NotImplementedError

    def step(
        self, state: Any, i: tf.Tensor, previous: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """Give the parameters ``[K, N]`` of dimension ``order[i]``, and the next state.

        Args:
            state: of the step before.
            i: how many dimensions are known.
            previous: the last of them, ``[N]``; zeros if there is none.
        """
        raise NotImplementedError

    def scan(self, solve: Callable, z: tf.Tensor, *context: tf.Tensor) -> tf.Tensor:
        """Find the x ``[N, D]`` with x_i = solve(params_i(x before i), z_i).

        The solution has gradients.

        Args:
            solve: from parameters ``[K, N]`` and ``z_i`` ``[N]`` to ``x_i`` ``[N]``;
                elementwise, so that it serves ``[K, D, N]`` and ``[D, N]``, too.
            z: ``[N, D]``.
            *context: ``[N, context_size]``, if the network takes one.
        """
        if type(self).step is not Conditioner.step:
            return self._scan_by_step(solve, z, *context)

        def evaluate(x, i):
            params = tf.cast(self(tf.transpose(x), *context), x.dtype)
            shape = [-1, self.event_size, self._num_params]
            return tf.transpose(tf.reshape(params, shape)[:, i])

        columns = scan_by_evaluation(evaluate, solve, tf.transpose(z), self.order)
        return tf.transpose(columns)

    def _scan_by_step(self, solve, z, *context):
        def visit(params, z_i):
            x_i = solve(params, z_i)
            return x_i, x_i

        return tf.transpose(self._visited(visit, [None], z, *context))

    def _call_by_step(self, x, *context) -> tf.Tensor:
        """Evaluate the network by `step`: for one that is a recursion anyway."""

        def visit(params, x_i):
            return x_i, params

        params = self._visited(visit, [self._num_params, None], x, *context)
        return tf.transpose(tf.reshape(params, [self.output_size, -1]))

    def _visited(self, visit, shape, x, *context) -> tf.Tensor:
        """Loop over the dimensions in their order; ``[D, *shape]``, N last.

        Args:
            visit: from the parameters of a dimension, and its value in ``x``, to the
                ``previous`` of the next step, and to the output of this one.
            shape: of that output.
            x: ``[N, D]``.
            *context: as for `initial_state`.
        """
        # An array, for the gradient of a gather from x has the size of x at each step.
        values = tf.TensorArray(x.dtype, self.event_size, element_shape=[None])
        values = values.unstack(tf.transpose(permute(x, self.order)))
        outputs = tf.TensorArray(x.dtype, self.event_size, element_shape=shape)

        def body(i, state, previous, outputs):
            params, state = self.step(state, i, previous)
            previous, output = visit(params, values.read(i))
            return i + 1, state, previous, outputs.write(i, output)

        state = self.initial_state(x, *context)
        *_, outputs = tf.while_loop(
            lambda i, *_: i < self.event_size,
            body,
            (tf.constant(0), state, tf.zeros_like(x[:, 0]), outputs),
            maximum_iterations=self.event_size,  # XLA's gradient of the loop needs it.
        )
        return permute(outputs.stack(), np.argsort(self.order), axis=0)

    # What the package's own subclasses share.

    @property
    def _num_params(self) -> int:
        """K."""
        return self.output_size // self.event_size

    def _set_order(self, order):
        order = np.arange(self.event_size) if order is None else order
        where = f"{type(self).__name__}: order"
        self.order = checked_permutation(order, where, self.event_size).tolist()

    def _check_built_for(self, x_shape):
        super()._check_built_for(x_shape)
        if self.output_size % self.event_size:
            raise ValueError(
                f"{type(self).__name__}: output_size must be a multiple of event_size "
                f"{self.event_size}, but got {self.output_size}."
            )

    def _before(self, x) -> tf.Tensor:
        """Shift the values by one in the order, ``[N, D]``; the first becomes 0."""
        return tf.pad(permute(x, self.order)[:, :-1], [[0, 0], [1, 0]])

    def _by_dimension(self, params) -> tf.Tensor:
        """Flatten ``[N, D, K]``, in the order, to ``[N, D·K]``, in that of x."""
        params = permute(params, np.argsort(self.order), axis=1)
        return tf.reshape(params, [-1, self.output_size])


def row_of(weight: Any, i: tf.Tensor) -> tf.Tensor:
    """Give ``weight[i]``; its gradient is a tensor, that of a gather slices."""
    return tf.convert_to_tensor(weight)[i]
