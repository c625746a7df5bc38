"""A block-triangular network, and the equations that are solved on it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class BlockTriangular(NamedTuple):
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
        """The number of rows of the input that belong to one dimension."""
        return self.matrices[0].shape[1] // self.size

    @property
    def num_outputs(self) -> int:
        """The number of rows of the output that belong to one dimension."""
        return self.matrices[-1].shape[0] // self.size

    def num_before(self, layer: int, dimension: int) -> int:
        """Count the rows of a layer known before a dimension is; 0 is the input."""
        if layer == 0:
            return max(dimension, 0) * self.num_inputs
        return int(np.searchsorted(self.degrees[layer - 1], dimension))


class Equations(NamedTuple):
    """The equations that are solved on a network; ``N`` points at once.

    Args:
        solve: ``solve(output, *inputs_i)`` gives the input of dimension i,
            ``[num_inputs, N]``, from the network's output for it, ``[num_outputs, N]``.
        layer_function: ``layer_function(layer, product, inputs, below)`` gives the
            units of a layer and what the next product takes of them, from the product
            with that of the layer below, the layer's inputs and the units below.
        layer_inputs: for each hidden layer, such as its bias, ``[units, N]`` or
            ``[units, 1]``.
        output_bias: ``[D·num_outputs, 1]`` or ``[D·num_outputs, N]``.
        solver_inputs: what ``solve`` needs, each with D as its first axis; the last
            axis of the first of them is N.
    """

    solve: Callable
    layer_function: Callable
    layer_inputs: Sequence[tf.Tensor]
    output_bias: tf.Tensor
    solver_inputs: Sequence[tf.Tensor]


def units_by_degree(degrees: np.ndarray, length: int) -> np.ndarray:
    """The index of each unit, ``[length, most units of a degree]``."""
    counts = np.bincount(degrees, minlength=length)
    units = np.full([length, max(1, counts.max())], len(degrees))
    for degree, count in enumerate(counts):
        units[degree, :count] = np.flatnonzero(degrees == degree)
    return units


def gather_or_zero(x: tf.Tensor, index: np.ndarray, axis: int) -> tf.Tensor:
    """``tf.gather`` where the index past the last one gives zero."""
    if np.array_equal(index, np.arange(x.shape[axis])):
        return x
    shape = [*tf.unstack(tf.shape(x))]
    shape[axis] = 1
    return tf.gather(tf.concat([x, tf.zeros(shape, x.dtype)], axis), index, axis=axis)
