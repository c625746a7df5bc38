"""The sequential inversion of a block network, with gradients."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfp_flows.math import Curve, find_root, implicit_solution, in_vectorized_map
from tfp_flows.networks.monotone.block_substitution import (
    Blocks,
    substitute,
    substitute_back,
)
from tfp_flows.variables import with_weights_of_now


def inverse(
    network: Any, z: tf.Tensor, added: Sequence, *, where: str, validate_args: bool
) -> tf.Tensor:
    """Find the x ``[D, N]`` whose image is z, one dimension after another.

    The gradient is that of the implicit function theorem: of one evaluation at x, and
    of a back substitution with the transposed Jacobian.

    Args:
        network: a `BlockNetwork`.
        z: ``[D, N]``, in the network's order.
        added: what a context adds to each layer.
        where: what an error calls the bijector.
        validate_args: as for `tfp_flows.math.find_root`.
    """
    options = {"where": where, "validate_args": validate_args}
    if in_vectorized_map():
        return _forward_substitution(network, z, added, tf.identity, **options)
    x = _forward_substitution(network, z, added, tf.stop_gradient, **options)
    image, _, _ = network.evaluated(x, added)

    def solve_adjoint(g):
        return _back_substitution(network, g, x, added)

    solve_adjoint = with_weights_of_now(network, solve_adjoint)
    return implicit_solution(x, image - z, solve_adjoint, where="BlockNetwork.invert")


def _blocks(network, hold) -> list[Blocks]:
    return [
        Blocks(hold(layer.diagonal()), hold(layer.below())) for layer in network.dense
    ]


def _forward_substitution(network, z, added, hold, **options) -> tf.Tensor:
    """The solution, of constants if ``hold`` is ``tf.stop_gradient``."""
    z, layers = hold(z), _blocks(network, hold)
    alphas = [hold(activation.alphas()) for activation in network.activations]
    gates = [hold(gate) for gate in network.gates()]
    start = [
        tf.broadcast_to(
            hold(layer.bias + extra),
            [layer.num_blocks, layer.units, tf.shape(z)[-1]],
        )
        for layer, extra in zip(network.dense, added, strict=True)
    ]

    def solve(i, products):
        # Read once, not at each step of a search.
        parts = [[layer.diagonal[i] for layer in layers], products]
        parts += [[part[i] for part in group] for group in (alphas, gates)]
        x_i, _ = find_root(
            _curve(network, parts),
            _curve(network, tf.nest.map_structure(tf.stop_gradient, parts)),
            z[i],
            **options,
        )
        return x_i, _evaluated(network, parts, x_i)[-1]

    return substitute(layers, start, solve)


def _curve(network, parts) -> Curve:
    """One dimension's image, and the logarithm of its slope."""

    def curve(x_i):
        value, slope, _ = _evaluated(network, parts, x_i)
        return value, tf.math.log(slope)

    return curve


def _evaluated(network, parts, x_i):
    """One dimension's image, its slope, and the inputs of each layer, in its block."""
    h, inputs = x_i[tf.newaxis], []
    slope: Any = None
    diagonals, products, alphas, (gate, one_minus_gate) = parts
    for index, (weights, product) in enumerate(zip(diagonals, products, strict=True)):
        inputs.append(h)
        h = tf.matmul(weights, h) + product
        slope = weights if slope is None else tf.matmul(weights, slope)
        if index < len(alphas):
            activation = network.activations[index]
            h, unit_slope = activation.value_and_slope(h, alphas[index])
            slope = slope * unit_slope
    image = one_minus_gate * x_i + gate * h[0]
    return image, one_minus_gate + gate * slope[0], inputs


def _back_substitution(network, g, x, added) -> tf.Tensor:
    """The solution of the equations of the transposed Jacobian at x."""
    _, slope, unit_slopes = network.evaluated(x, added)
    gate, _ = network.gates()

    def solve(i, total):
        solution = (g[i] - total) / slope[i]
        return solution, gate[i] * solution

    return substitute_back(_blocks(network, tf.stop_gradient), unit_slopes, solve)
