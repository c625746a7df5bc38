"""A block-triangular network, evaluated dimension after dimension.

A masked network sorted by degree is block-triangular: units of degree k depend on the
dimensions up to k, and the output of dimension i on units of degrees below i. So once
dimension k is known, so are all units of degree k, and they never change. Forward
substitution, which computes each unit once, costs as much as one evaluation.

The dimensions are solved in groups. What a group owes to all dimensions before it is
one large matrix product a layer; within the group a loop adds the little that is left.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfp_flows.math import in_xla
from tfp_flows.networks.autoregressive.block_triangular import (
    BlockTriangular,
    Equations,
    gather_or_zero,
    units_by_degree,
)

# As many dimensions are each computed by themselves, without a loop.
_MOST_ALONE = 6


def substitute(network: BlockTriangular, equations: Equations) -> list[tf.Tensor]:
    """Finds the input of all dimensions, and what each hidden layer then is.

    Returns:
        ``[D·num_inputs, N]`` and for each hidden layer ``[units, N]``: what the next
        product takes of them.
    """
    size = network.size
    num = tf.shape(equations.solver_inputs[0])[-1]
    length = _length_of_groups(size)
    known = _first_units(network, equations, num)
    for start in range(0, size, length):
        group = _Group(network, start, min(start + length, size), num)
        for layer, rows in enumerate(group.run(equations, known)):
            known[layer].append(rows)
    return [tf.concat(rows, axis=0) for rows in known]


def _length_of_groups(size: int) -> int:
    if size <= _MOST_ALONE:
        return 1
    # More groups skip more of the zeros above the diagonal, which are few where D is
    # small. Each costs time to trace, and XLA's time, which pays for it by speed.
    least, few, many = (12, 4, 10) if in_xla() else (32, 2, 4)
    return -(-size // (few if size <= least else many))


def _first_units(network, equations, num) -> list[list[tf.Tensor]]:
    """The units that depend on no dimension, as the first known rows of each layer."""
    known: list[list[tf.Tensor]] = [[]]
    below: Any = None
    used: Any = None
    for layer, inputs in enumerate(equations.layer_inputs):
        count = network.num_before(layer + 1, 0)
        if not count:
            known.append([])
            continue
        product = tf.zeros([count, num], inputs.dtype)
        if layer > 0:
            weights = network.matrices[layer][:count, : used.shape[0]]
            product += tf.matmul(weights, used)
        below, used = equations.layer_function(layer, product, inputs[:count], below)
        known.append([used])
    return known


class _Target(NamedTuple):
    """A layer as the loop over a group computes it, its first axis the step.

    Args:
        weights: of all that the group has settled of the layer below.
        product: what is known before the group.
    """

    weights: tf.Tensor
    product: tf.Tensor


class _Group:
    """Dimensions start … stop − 1, solved in a loop."""

    def __init__(self, network: BlockTriangular, start: int, stop: int, num):
        self.network = network
        self.start, self.stop, self.num = start, stop, num
        self.length = stop - start
        layers = range(len(network.degrees) + 1)
        before = [network.num_before(layer, start) for layer in layers]
        after = [network.num_before(layer, stop) for layer in layers]
        self.rows = [slice(a, b) for a, b in zip(before, after, strict=True)]
        # The units of each step, equally many: where there are fewer, the index past
        # the last unit stands for none, and has weights of zero.
        self.units = [
            units_by_degree(degrees[rows] - start, self.length)
            for degrees, rows in zip(network.degrees, self.rows[1:], strict=True)
        ]
        self.counts = [
            network.num_inputs,
            *(index.shape[1] for index in self.units),
        ]

    def run(self, equations: Equations, known) -> list[tf.Tensor]:
        """The rows of each layer that the group settles, those of the input first."""
        targets = [*self._hidden(known), self._output(known, equations.output_bias)]
        layer_inputs = [
            self._by_step(part[rows], layer)
            for layer, (part, rows) in enumerate(
                zip(equations.layer_inputs, self.rows[1:], strict=True)
            )
        ]
        inputs = [part[self.start : self.stop] for part in equations.solver_inputs]

        def read(target, row, i):
            """A layer's share of the layer below, of all that is settled so far."""
            flat = tf.reshape(row.stack(), [-1, self.num])
            return target.product[i] + tf.matmul(target.weights[i], flat)

        def body(i, *rows):
            x, *hidden = rows
            output = _with_barrier(read(targets[-1], rows[-1], i), i)
            x_i = equations.solve(output, *(part[i] for part in inputs))
            written, below = [x.write(i, x_i)], None
            for layer, (row, part) in enumerate(zip(hidden, layer_inputs, strict=True)):
                product = read(targets[layer], written[-1], i)
                below, used = equations.layer_function(layer, product, part[i], below)
                written.append(row.write(i, used))
            return i + 1, *written

        dtype = inputs[0].dtype
        rows = [self._empty(dtype, count) for count in self.counts]
        if self.length == 1:
            _, *rows = body(0, *rows)
        else:
            _, *rows = tf.while_loop(
                lambda i, *_: i < self.length,
                body,
                (tf.constant(0), *rows),
                maximum_iterations=self.length,
            )
        return [self._settled(row.stack(), layer) for layer, row in enumerate(rows)]

    def _empty(self, dtype, count) -> tf.TensorArray:
        array = tf.TensorArray(
            dtype, self.length, element_shape=[count, None], clear_after_read=False
        )
        # Zeros where nothing is written yet, for the loop reads all of it.
        return array.unstack(tf.zeros([self.length, count, self.num], dtype))

    def _hidden(self, known):
        """The hidden layers."""
        for layer, matrix in enumerate(self.network.matrices[:-1]):
            above, below = self.rows[layer + 1], self.rows[layer]
            weights = self._by_step(matrix[above, below], layer)
            weights = self._columns_by_step(weights, layer)
            product = self._product(matrix[above, : below.start], known[layer])
            yield _Target(weights, self._by_step(product, layer))

    def _output(self, known, output_bias) -> _Target:
        """The output, of which a step computes that of its dimension."""
        rows = self.network.num_outputs
        outputs = slice(self.start * rows, self.stop * rows)
        matrix, below = self.network.matrices[-1][outputs], self.rows[-1]
        weights = tf.reshape(matrix[:, below], [self.length, rows, -1])
        weights = self._columns_by_step(weights, len(self.units))
        product = (
            self._product(matrix[:, : below.start], known[-1]) + output_bias[outputs]
        )
        product = tf.reshape(product, [self.length, rows, self.num])
        return _Target(weights, product)

    def _product(self, matrix, known) -> tf.Tensor:
        if not matrix.shape[1]:
            return tf.zeros([matrix.shape[0], self.num], matrix.dtype)
        return tf.matmul(matrix, tf.concat(known, axis=0))

    def _by_step(self, rows, layer) -> tf.Tensor:
        """Rows of a hidden layer as ``[length, count, ...]``."""
        units = self.units[layer]
        spread = gather_or_zero(rows, units.reshape(-1), axis=0)
        return tf.reshape(spread, [*units.shape, *tf.unstack(tf.shape(rows))[1:]])

    def _columns_by_step(self, weights, layer) -> tf.Tensor:
        """Columns of weights that multiply a layer (0 is the input) as in the loop."""
        if layer == 0:
            return weights
        return gather_or_zero(weights, self.units[layer - 1].reshape(-1), axis=2)

    def _settled(self, rows, layer) -> tf.Tensor:
        """The rows of a layer that the loop settled, without the empty ones."""
        flat = tf.reshape(rows, [self.length * self.counts[layer], self.num])
        if layer == 0:
            return flat
        units = self.units[layer - 1].reshape(-1)
        count = self.rows[layer].stop - self.rows[layer].start
        used = np.flatnonzero(units < count)
        return flat if len(used) == len(units) else tf.gather(flat, used)


def _with_barrier(x, i) -> tf.Tensor:
    """Divides x by a 1 that XLA does not know for one, as i is at least 0.

    An optimization barrier: XLA computes a quotient once and stores it; a sum it would
    compute anew in each of the loops that it makes of ``solve``, which then are several
    times slower.
    """
    return x / tf.cast(tf.minimum(i + 1, 1), x.dtype)
