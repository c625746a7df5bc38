"""The sequential inversion of a MADE, with the gradient of the solution.

The value is found by forward substitution; its gradient is that of the implicit
function theorem, by back substitution with the transposed Jacobian.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.math import (
    implicit_solution,
    in_vectorized_map,
    permute,
    scan_by_evaluation,
)
from tfp_flows.networks.autoregressive.block_triangular import (
    BlockTriangular,
    Equations,
)
from tfp_flows.networks.autoregressive.substitution import substitute
from tfp_flows.variables import with_weights_of_now

Solve = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def scan(network: Any, solve: Solve, z: tf.Tensor, added: Sequence) -> tf.Tensor:
    """Find the x with x_i = solve(params_i(x before i), z_i), with gradients.

    Args:
        network: a `tfp_flows.networks.MADE`.
        solve: as for `tfp_flows.networks.Conditioner.scan`.
        z: ``[D, N]``.
        added: to each layer, from the context.

    Returns:
        ``[D, N]``.
    """
    if in_vectorized_map():
        evaluate = _evaluate_by_dimension(network, added)
        return scan_by_evaluation(evaluate, solve, z, network.order)

    def solve_all(params):
        return solve(tf.transpose(_by_dimension(network, params), [1, 0, 2]), z)

    x = tf.stop_gradient(_forward_substitution(network, solve, z, added))
    *_, params = network.pre_activations(x, added)

    def solve_adjoint(g):
        return _back_substitution(network, g, x, solve_all, added)

    residual = x - solve_all(params)
    solve_adjoint = with_weights_of_now(network, solve_adjoint)
    return implicit_solution(x, residual, solve_adjoint, where="MADE.scan")


def _evaluate_by_dimension(network, added) -> Callable[..., tf.Tensor]:
    """Make the function of x ``[D, N]`` and i that gives i's parameters, in few ops."""
    *kernels, last = [layer.masked_kernel() for layer in network.dense]
    *biases, last_bias = [
        layer.bias + extra for layer, extra in zip(network.dense, added, strict=True)
    ]
    last, last_bias = (_by_dimension(network, part) for part in (last, last_bias))

    def evaluate(x, i):
        h = x
        for index, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
            active = network.activation(tf.einsum("ui,in->un", kernel, h) + bias)
            h = active + h if network.skips(index) else active
        return tf.einsum("ui,in->un", last[i], h) + last_bias[i]

    return evaluate


def _by_dimension(network, params) -> tf.Tensor:
    size = network.event_size
    return tf.reshape(params, [size, network.output_size // size, -1])


def _rows(network, order, hidden) -> list[np.ndarray]:
    """The rows of the input, each hidden layer and the output, in order."""
    outputs = np.arange(network.output_size).reshape(network.event_size, -1)
    return [np.asarray(order), *hidden, outputs[order].reshape(-1)]


def _weights(network, rows) -> list[tf.Tensor]:
    """The masked weights between these rows, ``[outputs, inputs]``."""
    return [
        tf.gather(
            tf.gather(tf.stop_gradient(layer.masked_kernel()), above), below, axis=1
        )
        for layer, (below, above) in zip(
            network.dense, itertools.pairwise(rows), strict=True
        )
    ]


def _forward_substitution(network, solve, z, added) -> tf.Tensor:
    """The solution, without gradients, from the first dimension to the last.

    (A loop that tapes watch is traced as a function with its gradients' functions.)
    """
    z = tf.stop_gradient(z)
    biases = [
        tf.stop_gradient(layer.bias + extra)
        for layer, extra in zip(network.dense, added, strict=True)
    ]

    def solve_one(params, z_i):
        return solve(params, z_i)[tf.newaxis]

    def layer_function(index, product, bias, below):
        units = network.activation(product + bias)
        units = units + below if network.skips(index) else units
        return units, units

    hidden = [np.arange(len(degrees)) for degrees in network.degrees]
    rows = _rows(network, network.order, hidden)
    blocks = BlockTriangular(
        _weights(network, rows), network.degrees, network.event_size
    )
    equations = Equations(
        solve_one,
        layer_function,
        layer_inputs=biases[:-1],
        output_bias=tf.gather(biases[-1], rows[-1]),
        solver_inputs=[permute(z, network.order, axis=0)],
    )
    x, *_ = substitute(blocks, equations)
    return permute(x, np.argsort(network.order), axis=0)


def _back_substitution(network, g, x, solve_all, added) -> tf.Tensor:
    """The v with (1 − J)ᵀ·v = g, J the Jacobian of ``solve_all`` by x at x.

    J is strictly triangular: the transposed equation is solved from the last dimension
    to the first.
    """
    slopes, solver_slopes = _slopes(network, x, solve_all, added)

    def solve_one(total, g_i, slope):
        return (g_i + total[0]) * slope

    def layer_function(index, product, slope, below):
        # Layer 0 of the transposed network is the last one.
        skips = index > 0 and network.skips(len(slopes) - index)
        total = product + below if skips else product
        return total, total * slope

    order = network.order[::-1]
    # The units that see no dimension give nothing back to one.
    hidden = [np.flatnonzero(degrees >= 0)[::-1] for degrees in network.degrees]
    rows = _rows(network, order, hidden)
    transposed = [tf.transpose(weight) for weight in _weights(network, rows)][::-1]
    degrees = [
        network.event_size - 2 - degrees[index]
        for degrees, index in zip(network.degrees, hidden, strict=True)
    ][::-1]
    slopes = [
        tf.gather(slope, index) for slope, index in zip(slopes, hidden, strict=True)
    ][::-1]
    equations = Equations(
        solve_one,
        layer_function,
        layer_inputs=slopes,
        output_bias=tf.zeros([network.event_size, 1], g.dtype),
        solver_inputs=[permute(part, order, axis=0) for part in (g, solver_slopes)],
    )
    blocks = BlockTriangular(transposed, degrees, network.event_size)
    *_, last = substitute(blocks, equations)
    total = tf.matmul(transposed[-1], last)
    return g + permute(total, np.argsort(order), axis=0)


def _slopes(network, x, solve_all, added) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The slopes of each hidden layer's activation, and of ``solve_all``."""
    *hidden, params = network.pre_activations(x, added)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([*hidden, params])
        units = [network.activation(pre) for pre in hidden]
        solution = solve_all(params)
    slopes = [tape.gradient(unit, pre) for unit, pre in zip(units, hidden, strict=True)]
    return slopes, _by_dimension(network, tape.gradient(solution, params))
