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
    offset: tf.Tensor,
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
        offset: what the output has besides its product, ``[D·num_outputs, 1]`` or
            ``[D·num_outputs, N]``.
        constants: what ``solve`` needs, each with D as its first axis; the last axis of
            the first of them is N.
    """
    size = network.size
    num = tf.shape(constants[0])[-1]
    length = max(_SMALLEST_GROUP, -(-size // _MOST_GROUPS))
    known = _first_units(network, cell, terms, num)
    for start in range(0, size, length):
        group = _Group(network, start, min(start + length, size), num)
        for layer, rows in enumerate(
            group.run(solve, cell, terms, offset, constants, known)
        ):
            known[layer].append(rows)
    return [tf.concat(rows, axis=0) for rows in known]


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

    def run(self, solve, cell, terms, offset, constants, known):
        """The rows of each layer that the group settles, those of the input first."""
        targets = [*self._hidden(known), self._output(known, offset)]
        last = len(terms)
        fresh = [
            _newest(weights, self.counts[layer], lag=int(layer == last))
            for layer, (weights, _) in enumerate(targets)
        ]
        terms = [
            self._spread(term[own], layer)
            for layer, (term, own) in enumerate(zip(terms, self.own[1:], strict=True))
        ]
        constants = [c[self.start : self.stop] for c in constants]

        # Step i takes the input of dimension i, settles the units of degree i, and
        # solves dimension i + 1. Step −1 solves the first one; the last step solves
        # none that is asked for. So what a step finds of the next dimension is handed
        # on as it is, where XLA would compute it once for each of its uses.
        def body(i, given, *rows):
            here, ahead = tf.maximum(i, 0), tf.minimum(i + 1, self.length - 1)
            steps = [here] * last + [ahead]
            reads = [
                self._local(weights[step], row, layer)
                for layer, ((weights, _), step, row) in enumerate(
                    zip(targets, steps, rows, strict=True)
                )
            ]
            below, new = None, [given]
            for layer in range(last + 1):
                step, (_, products) = steps[layer], targets[layer]
                total = products[step] + reads[layer]
                total += tf.matmul(fresh[layer][step], new[-1])
                if layer < last:
                    below, used = cell(layer, total, terms[layer][step], below)
                    new.append(used)
            # Nothing is settled by step −1, and nothing is read from empty rows. That
            # what is written depends on what was read lets XLA write in place.
            settled = [
                tf.where(i < 0, read[:1], row)
                for read, row in zip(reads, new, strict=True)
            ]
            rows = [r.write(here, s) for r, s in zip(rows, settled, strict=True)]
            total = _stored(total, i)
            return i + 1, solve(total, *(c[ahead] for c in constants)), *rows

        dtype = constants[0].dtype
        start = tf.zeros([self.network.num_inputs, self.num], dtype)
        _, _, *rows = tf.while_loop(
            lambda i, *_: i < self.length,
            body,
            (tf.constant(-1), start, *(self._array(dtype, c) for c in self.counts)),
            maximum_iterations=self.length + 1,
        )
        return [self._settled(r, layer) for layer, r in enumerate(rows)]

    def _array(self, dtype, count) -> tf.TensorArray:
        array = tf.TensorArray(
            dtype, self.length, element_shape=[count, None], clear_after_read=False
        )
        # Zeros where nothing is written yet, for the loop reads all of it.
        return array.unstack(tf.zeros([self.length, count, self.num], dtype))

    def _local(self, weights, rows, layer) -> tf.Tensor:
        shape = [self.length * self.counts[layer], self.num]
        return tf.matmul(weights, tf.reshape(rows.stack(), shape))

    def _hidden(self, known):
        """To each hidden layer, the weights in the loop and what is known before it."""
        for layer, matrix in enumerate(self.network.matrices[:-1]):
            own, below = self.own[layer + 1], self.own[layer]
            weights = self._spread(matrix[own, below], layer)
            product = self._product(matrix[own, : below.start], known[layer])
            yield self._spread_columns(weights, layer), self._spread(product, layer)

    def _output(self, known, offset):
        """To the output, the same."""
        rows = self.network.num_outputs
        own = slice(self.start * rows, self.stop * rows)
        matrix = self.network.matrices[-1][own]
        below = self.own[-1]
        weights = tf.reshape(matrix[:, below], [self.length, rows, -1])
        product = self._product(matrix[:, : below.start], known[-1]) + offset[own]
        product = tf.reshape(product, [self.length, rows, self.num])
        return self._spread_columns(weights, len(self.places)), product

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


def _stored(x, i) -> tf.Tensor:
    """x, divided by a 1 that XLA does not know for one, as i is at least −1.

    XLA computes a quotient once and stores it; a sum it would compute anew in each of
    the loops that it makes of ``solve``, which then are several times slower.
    """
    return x / tf.cast(tf.minimum(i + 3, 1), x.dtype)


def _newest(weights, count: int, lag: int) -> tf.Tensor:
    """Of the weights of each step, those of what step ``step − lag`` has settled."""
    length = weights.shape[0]
    blocks = tf.reshape(weights, [length, -1, length, count])
    # The output of the first dimension reads nothing, so that any block will do.
    index = np.maximum(np.arange(length) - lag, 0)[:, np.newaxis]
    return tf.gather(tf.transpose(blocks, [0, 2, 1, 3]), index, batch_dims=1)[:, 0]


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
