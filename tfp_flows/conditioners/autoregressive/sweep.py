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

# More groups skip more of the zeros above the diagonal; each costs compilation. Where
# D is smaller, each dimension is a group of its own, with a loop of one step.
_MOST_GROUPS = 10


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


class Problem(NamedTuple):
    """What a sweep solves on a network; ``N`` points at once.

    Args:
        solve: ``solve(output, *constants_i)`` gives the input of dimension i,
            ``[num_inputs, N]``, from the network's output for it, ``[num_outputs, N]``.
        cell: ``cell(layer, product, term, below)`` gives the units of a layer and what
            the next product takes of them, from the product with that of the layer
            below, the layer's term and the units below.
        terms: of each hidden layer, ``[units, N]`` or ``[units, 1]``.
        offset: what the output has besides its product, ``[D·num_outputs, 1]`` or
            ``[D·num_outputs, N]``.
        constants: what ``solve`` needs, each with D as its first axis; the last axis of
            the first of them is N.
    """

    solve: Callable
    cell: Callable
    terms: Sequence[tf.Tensor]
    offset: tf.Tensor
    constants: Sequence[tf.Tensor]


def sweep(network: Triangular, problem: Problem) -> list[tf.Tensor]:
    """The input of all dimensions, and what each hidden layer then is.

    Returns:
        ``[D·num_inputs, N]`` and for each hidden layer ``[units, N]``: what the next
        product takes of them.
    """
    size = network.size
    num = tf.shape(problem.constants[0])[-1]
    length = -(-size // _MOST_GROUPS)
    known = _first_units(network, problem, num)
    for start in range(0, size, length):
        group = _Group(network, start, min(start + length, size), num)
        for layer, rows in enumerate(group.run(problem, known)):
            known[layer].append(rows)
    return [tf.concat(rows, axis=0) for rows in known]


def _first_units(network, problem, num) -> list[list[tf.Tensor]]:
    """The units that depend on no dimension, as the first known rows of each layer."""
    known, below, used = [[]], None, None
    for layer, term in enumerate(problem.terms):
        count = network.num_before(layer + 1, 0)
        if not count:
            known.append([])
            continue
        product = tf.zeros([count, num], term.dtype)
        if layer > 0:
            weights = network.matrices[layer][:count, : used.shape[0]]
            product += tf.matmul(weights, used)
        below, used = problem.cell(layer, product, term[:count], below)
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

    def __init__(self, network: Triangular, start: int, stop: int, num):
        self.network = network
        self.start, self.stop, self.num = start, stop, num
        self.length = stop - start
        layers = range(len(network.degrees) + 1)
        before = [network.num_before(layer, start) for layer in layers]
        after = [network.num_before(layer, stop) for layer in layers]
        self.own = [slice(a, b) for a, b in zip(before, after, strict=True)]
        # Each step has as many units, some of which may be none: they stand at the
        # index past the last one, and have weights of zero.
        self.places = [
            _places(degrees[own] - start, self.length)
            for degrees, own in zip(network.degrees, self.own[1:], strict=True)
        ]
        self.counts = [network.num_inputs, *(p.shape[1] for p in self.places)]

    def run(self, problem: Problem, known) -> list[tf.Tensor]:
        """The rows of each layer that the group settles, those of the input first."""
        targets = [*self._hidden(known), self._output(known, problem.offset)]
        terms = [
            self._spread(term[own], layer)
            for layer, (term, own) in enumerate(
                zip(problem.terms, self.own[1:], strict=True)
            )
        ]
        constants = [c[self.start : self.stop] for c in problem.constants]

        def read(target, row, i):
            """What a layer has of the layer below, of all that is settled so far."""
            flat = tf.reshape(row.stack(), [-1, self.num])
            return target.product[i] + tf.matmul(target.weights[i], flat)

        def body(i, *rows):
            inputs, *hidden = rows
            output = _stored(read(targets[-1], rows[-1], i), i)
            given = problem.solve(output, *(c[i] for c in constants))
            written, below = [inputs.write(i, given)], None
            for layer, (row, term) in enumerate(zip(hidden, terms, strict=True)):
                product = read(targets[layer], written[-1], i)
                below, used = problem.cell(layer, product, term[i], below)
                written.append(row.write(i, used))
            return i + 1, *written

        dtype = constants[0].dtype
        _, *rows = tf.while_loop(
            lambda i, *_: i < self.length,
            body,
            (tf.constant(0), *(self._empty(dtype, c) for c in self.counts)),
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
            own, below = self.own[layer + 1], self.own[layer]
            weights = self._spread(matrix[own, below], layer)
            weights = self._spread_columns(weights, layer)
            product = self._product(matrix[own, : below.start], known[layer])
            yield _Target(weights, self._spread(product, layer))

    def _output(self, known, offset) -> _Target:
        """The output, of which a step computes that of its dimension."""
        rows = self.network.num_outputs
        own, below = slice(self.start * rows, self.stop * rows), self.own[-1]
        matrix = self.network.matrices[-1][own]
        weights = tf.reshape(matrix[:, below], [self.length, rows, -1])
        weights = self._spread_columns(weights, len(self.places))
        product = self._product(matrix[:, : below.start], known[-1]) + offset[own]
        product = tf.reshape(product, [self.length, rows, self.num])
        return _Target(weights, product)

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
        flat = tf.reshape(rows, [self.length * self.counts[layer], self.num])
        if layer == 0:
            return flat
        places = self.places[layer - 1].reshape(-1)
        own = self.own[layer]
        used = np.flatnonzero(places < own.stop - own.start)
        return flat if len(used) == len(places) else tf.gather(flat, used)


def _stored(x, i) -> tf.Tensor:
    """x, divided by a 1 that XLA does not know for one, as i is at least 0.

    XLA computes a quotient once and stores it; a sum it would compute anew in each of
    the loops that it makes of ``solve``, which then are several times slower.
    """
    return x / tf.cast(tf.minimum(i + 1, 1), x.dtype)


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
