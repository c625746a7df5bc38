"""A block-triangular network, evaluated dimension after dimension.

A masked network sorted by degree is block-triangular: units of degree k depend on the
dimensions up to k, and the output of dimension i on units of degrees below i. So once
dimension k is known, so are all units of degree k, and they never change. One sweep
over the dimensions that computes each unit once costs as much as one evaluation.

The dimensions are swept in groups. What a group owes to all dimensions before it is one
large matrix product a layer; within the group a loop adds the little that is left.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# More groups skip more of the zeros above the diagonal; each costs compilation.
_MOST_GROUPS = 16
_SMALLEST_GROUP = 6


class Triangular(NamedTuple):
    """The weights of a block-triangular network.

    Args:
        matrices: L + 1 of them, ``[outputs, inputs]``: to each hidden layer, and to the
            network's output. The input has ``num_inputs`` rows a dimension, the output
            ``num_outputs``.
        degrees: of the units of each of the L hidden layers, ascending, at least −1
            (a unit that depends on no dimension) and below the last dimension.
        size: D, how many dimensions there are.
    """

    matrices: Sequence[tf.Tensor]
    degrees: Sequence[np.ndarray]
    size: int

    @property
    def num_inputs(self) -> int:
        """Rows of the input that belong to one dimension."""
        return self.matrices[0].shape[1] // self.size

    @property
    def num_outputs(self) -> int:
        """Rows of the output that belong to one dimension."""
        return self.matrices[-1].shape[0] // self.size

    def num_before(self, layer: int, dimension: int) -> int:
        """How many rows of a layer are known before a dimension is; 0 is the input."""
        if layer == 0:
            return max(dimension, 0) * self.num_inputs
        return int(np.searchsorted(self.degrees[layer - 1], dimension))


def sweep(
    network: Triangular,
    solve: Callable,
    cell: Callable,
    terms: Sequence[tf.Tensor],
    constants: Sequence[tf.Tensor],
) -> tf.Tensor:
    """The values of all dimensions, ``[D, N]``.

    Args:
        network: the weights.
        solve: ``solve(output, *constants_i)`` gives the value of dimension i, ``[N]``,
            and with it the input of that dimension, ``[num_inputs, N]``.
        cell: ``cell(layer, product, term, below)`` gives the units of a layer and what
            the next product takes of them, from the product with that of the layer
            below, the layer's term and the units below.
        terms: of each hidden layer, ``[units, N]`` or ``[units, 1]``.
        constants: what ``solve`` needs, each with D as its first axis; the last axis of
            the first of them is N.
    """
    size = network.size
    num = tf.shape(constants[0])[-1]
    length = max(_SMALLEST_GROUP, -(-size // _MOST_GROUPS))
    known = _first_units(network, cell, terms, num)
    values = []
    for start in range(0, size, length):
        group = _Group(network, start, min(start + length, size), num)
        value, rows = group.run(solve, cell, terms, constants, known)
        values.append(value)
        for layer, found in enumerate(rows):
            known[layer].append(found)
    return tf.concat(values, axis=0)


def _first_units(network, cell, terms, num) -> list[list[tf.Tensor]]:
    """The units that depend on no dimension, as the first known rows of each layer."""
    known, below, used = [[]], None, None
    for layer, term in enumerate(terms):
        count = network.num_before(layer + 1, 0)
        if not count:
            known.append([])
            continue
        product = tf.zeros([count, num], term.dtype)
        if layer > 0:
            product += tf.matmul(network.matrices[layer][:count, : used.shape[0]], used)
        below, used = cell(layer, product, term[:count], below)
        known.append([used])
    return known


class _Group:
    """Dimensions start … stop − 1, solved in a loop."""

    def __init__(self, network: Triangular, start: int, stop: int, num):
        self.network = network
        self.start, self.stop, self.num = start, stop, num
        self.length = stop - start
        layers = range(len(network.degrees) + 1)
        before = [network.num_before(layer, start) for layer in layers]
        after = [network.num_before(layer, stop) for layer in layers]
        self.own = [slice(a, b) for a, b in zip(before, after, strict=True)]
        # Each dimension of the loop has as many units, some of which may be none: they
        # stand at the index past the last one, and have weights of zero.
        self.places = [
            _places(degrees[own] - start, self.length)
            for degrees, own in zip(network.degrees, self.own[1:], strict=True)
        ]
        self.counts = [network.num_inputs, *(len(p[0]) for p in self.places)]

    def run(self, solve, cell, terms, constants, known):
        """The values of the dimensions, and the rows of each layer that they settle."""
        weights, products = self._hidden(known)
        terms = [
            self._spread(term[own], layer)
            for layer, (term, own) in enumerate(zip(terms, self.own[1:], strict=True))
        ]
        out_weights, out_products = self._output(known)
        constants = [c[self.start : self.stop] for c in constants]
        num_layers = len(weights)

        def body(i, value, *rows):
            rows = list(rows)
            output = out_products[i]
            output += self._local(out_weights[i], rows[-1], num_layers)
            found, given = solve(output, *(c[i] for c in constants))
            rows[0] = rows[0].write(i, given)
            below = None
            for layer in range(num_layers):
                product = products[layer][i]
                product += self._local(weights[layer][i], rows[layer], layer)
                below, used = cell(layer, product, terms[layer][i], below)
                rows[layer + 1] = rows[layer + 1].write(i, used)
            return i + 1, value.write(i, found), *rows

        dtype = constants[0].dtype
        start = [self._array(dtype, [])] + [
            self._array(dtype, [c]) for c in self.counts
        ]
        _, value, *rows = tf.while_loop(
            lambda i, *_: i < self.length,
            body,
            (tf.constant(0), *start),
            maximum_iterations=self.length,
        )
        return value.stack(), [self._settled(r, k) for k, r in enumerate(rows)]

    def _array(self, dtype, shape) -> tf.TensorArray:
        array = tf.TensorArray(
            dtype,
            self.length,
            element_shape=[*shape, None],
            clear_after_read=False,
        )
        # Zeros where nothing is written yet, for the loop reads all of it.
        return array.unstack(tf.zeros([self.length, *shape, self.num], dtype))

    def _local(self, weights, rows, layer) -> tf.Tensor:
        shape = [self.length * self.counts[layer], self.num]
        return tf.matmul(weights, tf.reshape(rows.stack(), shape))

    def _hidden(self, known):
        """Of each hidden layer, the weights in the loop and what is known before it."""
        weights, products = [], []
        for layer, matrix in enumerate(self.network.matrices[:-1]):
            own, below = self.own[layer + 1], self.own[layer]
            local = self._spread(matrix[own, below], layer)
            weights.append(self._spread_columns(local, layer))
            product = self._product(matrix[own, : below.start], known[layer])
            products.append(self._spread(product, layer))
        return weights, products

    def _output(self, known):
        rows = self.network.num_outputs
        matrix = self.network.matrices[-1][self.start * rows : self.stop * rows]
        below = self.own[-1]
        last = len(self.places)
        local = tf.reshape(matrix[:, below], [self.length, rows, -1])
        product = self._product(matrix[:, : below.start], known[-1])
        shape = [self.length, rows, self.num]
        return self._spread_columns(local, last), tf.reshape(product, shape)

    def _product(self, matrix, known) -> tf.Tensor:
        if not matrix.shape[1]:
            return tf.zeros([matrix.shape[0], self.num], matrix.dtype)
        return tf.matmul(matrix, tf.concat(known, axis=0))

    def _spread(self, rows, layer) -> tf.Tensor:
        """Rows of a hidden layer as ``[length, count, ...]``."""
        places = self.places[layer]
        spread = _gather_or_zero(rows, places.reshape(-1), axis=0)
        return tf.reshape(spread, [*places.shape, *_tail(rows)])

    def _spread_columns(self, weights, layer) -> tf.Tensor:
        """Columns of weights that multiply a layer (0 is the input) as in the loop."""
        if layer == 0:
            return weights
        return _gather_or_zero(weights, self.places[layer - 1].reshape(-1), axis=2)

    def _settled(self, rows, layer) -> tf.Tensor:
        """What the loop found of a layer, without the places that are empty."""
        flat = tf.reshape(rows.stack(), [self.length * self.counts[layer], self.num])
        if layer == 0:
            return flat
        places = self.places[layer - 1].reshape(-1)
        own = self.own[layer]
        used = np.flatnonzero(places < own.stop - own.start)
        return flat if len(used) == len(places) else tf.gather(flat, used)


def _places(degrees: np.ndarray, length: int) -> np.ndarray:
    """The index of each unit, ``[length, most units of a degree]``."""
    counts = np.bincount(degrees, minlength=length)
    places = np.full([length, max(1, counts.max())], len(degrees))
    for degree, count in enumerate(counts):
        places[degree, :count] = np.flatnonzero(degrees == degree)
    return places


def _gather_or_zero(x, index: np.ndarray, axis: int) -> tf.Tensor:
    """``tf.gather`` where the index past the last one gives zero."""
    if np.array_equal(index, np.arange(x.shape[axis])):
        return x
    shape = [*tf.unstack(tf.shape(x))]
    shape[axis] = 1
    return tf.gather(tf.concat([x, tf.zeros(shape, x.dtype)], axis), index, axis=axis)


def _tail(x) -> list:
    return tf.unstack(tf.shape(x))[1:]
