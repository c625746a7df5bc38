"""The inverse of a block network, with gradients."""

import tensorflow as tf

from tfp_flows.conditioners.block.block_sweep import Blocks, sweep, sweep_back
from tfp_flows.math import find_root


def inverted(network, z, added, *, where: str, validate_args: bool) -> tf.Tensor:
    """The x ``[D, N]`` whose image is z, found one dimension after another.

    The value is that of the sweep, of constants alone. The gradient is that of the
    implicit function theorem: of one evaluation at x, and of a sweep back, which solves
    the equations of the transposed Jacobian.

    Args:
        network: a `BlockNetwork`.
        z: ``[D, N]``, in the network's order.
        added: what a context adds to each layer.
        where: what an error calls the bijector.
        validate_args: as for `tfp_flows.math.find_root`.
    """
    x = tf.stop_gradient(_swept(network, z, added, where, validate_args))
    image, _, _ = network.evaluated(x, added)

    @tf.custom_gradient
    def identity(residual):
        def gradient(g):
            total = tf.raw_ops.PreventGradient(
                input=_swept_back(network, g, x, added),
                message="BlockNetwork.invert has no second derivative.",
            )
            return total

        return x, gradient

    return identity(z - image)


def _blocks(network) -> list[Blocks]:
    return [
        Blocks(tf.stop_gradient(layer.diagonal()), tf.stop_gradient(layer.below()))
        for layer in network.dense
    ]


def _swept(network, z, added, where, validate_args) -> tf.Tensor:
    z, layers = tf.stop_gradient(z), _blocks(network)
    alphas = [tf.stop_gradient(onto.alphas()) for onto in network.onto]
    gate, rest = map(tf.stop_gradient, network.gates())
    start = [
        tf.broadcast_to(
            tf.stop_gradient(layer.bias + extra),
            [layer.num_blocks, layer.units, tf.shape(z)[-1]],
        )
        for layer, extra in zip(network.dense, added, strict=True)
    ]

    def solve(i, products):
        # Read once, not at each step of a search.
        parts = [
            (layer.diagonal[i], product)
            for layer, product in zip(layers, products, strict=True)
        ]
        own_alphas = [alpha[i] for alpha in alphas]
        own_gates = gate[i], rest[i]

        def curve(x_i):
            value, slope, _ = _through(network, parts, own_alphas, own_gates, x_i)
            return value, tf.math.log(slope)

        x_i, _ = find_root(curve, curve, z[i], where=where, validate_args=validate_args)
        return x_i, _through(network, parts, own_alphas, own_gates, x_i)[-1]

    return sweep(layers, start, solve)


def _through(network, parts, alphas, gates, x_i):
    """One dimension's image, its slope, and the inputs of each layer, in its block."""
    h, own, inputs = x_i[tf.newaxis], None, []
    for index, (weights, product) in enumerate(parts):
        inputs.append(h)
        h = tf.matmul(weights, h) + product
        own = weights if own is None else tf.matmul(weights, own)
        if index < len(alphas):
            h, slope = network.onto[index].value_and_slope(h, alphas[index])
            own = own * slope
    gate, rest = gates
    return rest * x_i + gate * h[0], rest + gate * own[0], inputs


def _swept_back(network, g, x, added) -> tf.Tensor:
    _, slope, unit_slopes = network.evaluated(x, added)
    gate, _ = network.gates()

    def solve(i, reached):
        solution = (g[i] - reached) / slope[i]
        return solution, gate[i] * solution

    return sweep_back(_blocks(network), unit_slopes, solve)
