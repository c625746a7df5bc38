"""Substitution in a block network: its equations solved one dimension after another.

Dimension i of the output depends on dimension i of the input through block i of each
layer alone, once what the blocks before add to it is known. So forward substitution,
which adds each block's share to those after it as soon as it is known, costs as much as
one evaluation (of the network without its zeros left out), and the
search for a root in each dimension, which sees one block.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf


class Blocks(NamedTuple):
    """The weights of one layer.

    Args:
        diagonal: the blocks on the diagonal, ``[D, units, inputs]``.
        below: the others, ``[D, units, D, inputs]``.
    """

    diagonal: tf.Tensor
    below: tf.Tensor


def substitute(
    layers: Sequence[Blocks],
    start: Sequence[tf.Tensor],
    solve: Callable[[tf.Tensor, Sequence], tuple[tf.Tensor, Sequence[tf.Tensor]]],
) -> tf.Tensor:
    """Solve for the input of all dimensions, from the first to the last.

    Args:
        layers: of the network, from the input to the output.
        start: what each layer has without any input, ``[D, units, N]``.
        solve: ``solve(i, products)``, with what each layer has so far at block i,
            ``[units, N]``, gives the input of dimension i, ``[N]``, and the inputs of
            each layer, block i, ``[inputs, N]``.

    Returns:
        ``[D, N]``.
    """
    size = start[0].shape[0]
    # The weights from a block to all others: ``[D, D·units, inputs]``.
    columns = [
        tf.reshape(
            tf.transpose(layer.below, [2, 0, 1, 3]), [size, -1, layer.below.shape[3]]
        )
        for layer in layers
    ]

    def body(i, solution, *products):
        x_i, inputs = solve(i, [product[i] for product in products])
        later = [
            product + tf.reshape(tf.matmul(column[i], h), tf.shape(product))
            for product, column, h in zip(products, columns, inputs, strict=True)
        ]
        return i + 1, solution.write(i, x_i), *later

    solution = tf.TensorArray(start[0].dtype, size, element_shape=[None])
    _, solution, *_ = tf.while_loop(
        lambda i, *_: i < size,
        body,
        (tf.constant(0), solution, *start),
        maximum_iterations=size,
    )
    return solution.stack()


def substitute_back(
    layers: Sequence[Blocks],
    slopes: Sequence[tf.Tensor],
    solve: Callable[[int, tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
) -> tf.Tensor:
    """Solve with the transposed Jacobian, from the last dimension to the first.

    Args:
        layers: as for `substitute`.
        slopes: of the activation after each hidden layer, ``[D, units, N]``.
        solve: ``solve(i, total)``, with the gradient that dimension i of the input
            has from the outputs after it, gives the solution of dimension i and the
            gradient of the output that belongs to it, both ``[N]``.

    Returns:
        The solution, ``[D, N]``.
    """
    size = slopes[0].shape[0]
    # The weights from a block of a layer's output back to the inputs of all:
    # ``[D, D·inputs, units]``.
    rows = [
        tf.reshape(
            tf.transpose(layer.below, [0, 2, 3, 1]), [size, -1, layer.below.shape[1]]
        )
        for layer in layers
    ]

    def body(i, solution, *totals):
        nothing = tf.zeros_like(slopes[0][i, :1])
        _, at_input = _back_from(i, nothing, totals, layers, slopes)
        x_i, last = solve(i, at_input)
        gradients, _ = _back_from(i, last[tf.newaxis], totals, layers, slopes)
        earlier = [
            total + tf.reshape(tf.matmul(row[i], gradient), tf.shape(total))
            for total, row, gradient in zip(totals, rows, gradients, strict=True)
        ]
        return i - 1, solution.write(i, x_i), *earlier

    num = tf.shape(slopes[0])[-1]
    start = [
        tf.zeros([size, layer.diagonal.shape[2], num], slopes[0].dtype)
        for layer in layers
    ]
    solution = tf.TensorArray(slopes[0].dtype, size, element_shape=[None])
    _, solution, *_ = tf.while_loop(
        lambda i, *_: i >= 0,
        body,
        (tf.constant(size - 1), solution, *start),
        maximum_iterations=size,
    )
    return solution.stack()


def _back_from(
    i, last, totals, layers: Sequence[Blocks], slopes
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The gradients of each layer's output at block i, and that of the input."""
    gradients: list[tf.Tensor] = [last]
    gradient: Any = None
    for index in reversed(range(len(layers))):
        gradient = totals[index][i] + tf.matmul(
            layers[index].diagonal[i], gradients[0], transpose_a=True
        )
        if index:
            gradients.insert(0, gradient * slopes[index - 1][i])
    return gradients, gradient[0]
