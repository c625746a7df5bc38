"""Block neural autoregressive layers."""

from collections.abc import Hashable
from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.elementwise.transformer_spec import Direction
from tfp_flows.bijectors.networked import Networked
from tfp_flows.networks import MonotoneNetwork
from tfp_flows.variables import NoStructureError, network_of


class BlockAutoregressive(Networked):
    """Transform each dimension by a monotone network that sees those before it.

    Inverse (data → base): x = (1 − g)·y + g·f(y), by a network f whose weights are
    block-triangular with positive blocks on the diagonal, so that xᵢ increases in yᵢ
    and depends in any way on the dimensions before i: conditioner and transformer in
    one. See `tfp_flows.networks.BlockNetwork`, which is onto the real numbers.

    Forward (base → data): one dimension after another, each by a search for the root of
    a scalar increasing function, with gradients by the implicit function theorem. The
    paper has no such direction.

    Log-determinant: Σ log dxᵢ/dyᵢ, each slope carried through the diagonal blocks as a
    sum of positive terms. The Jacobian is triangular in the network's order.

    Cost: ``inverse``, and the log-determinant of either direction, one evaluation of
    the network. ``forward`` one or two, and the searches, which see the diagonal blocks
    alone; its gradient as much again, and a second derivative of it is refused.

    Args:
        network: a `tfp_flows.networks.MonotoneNetwork`, such as a `BlockNetwork`. One
            that is not built is built here.
        context: ``[..., C]``, the network's other input, if it takes a context; its
            batch shape is that of the bijector.
        validate_args: as in TFP; in a graph (but not under XLA) a root that is not
            found is then an error, and not NaN.
        name: as in TFP.

    Raises:
        TypeError: ``network`` is no such layer.
        ValueError: a context that the network does not take, or a call with points of
            another size or without the context that the network takes; at a call of
            ``forward``, executed eagerly, where no root is found.

    >>> import tfp_flows
    >>> layer = tfp_flows.bijectors.BlockAutoregressive(
    ...     tfp_flows.networks.BlockNetwork(3, hidden_factor=8, seed=0))
    >>> x = layer.inverse([1.0, 2.0, -1.0])
    >>> layer.forward(tf.identity(x)).numpy().round(4)
    array([ 1.,  2., -1.], dtype=float32)

    Paper: De Cao, Titov and Aziz (2019), Block neural autoregressive flow.
    """

    shares_programs = True

    def __init__(
        self,
        network: Any,
        context: Any = None,
        validate_args: bool = False,
        name: str = "block_autoregressive",
    ):
        parameters = dict(locals())
        where = f"BlockAutoregressive {name!r}"
        layer = network_of(network)
        if not isinstance(layer, MonotoneNetwork):
            raise TypeError(
                f"{where}: network must be a networks.MonotoneNetwork, such as a "
                f"BlockNetwork, but got {network!r}."
            )
        size: Any = layer.event_size
        super().__init__(
            parameters,
            "network",
            event_shape=[size],
            input_shape=[size],
            output_shape=[2 * size],
        )

    def arithmetic(
        self, direction: Direction, *points: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `Networked.arithmetic`, of rows ``[N, D]`` and the context, if any."""
        if direction == "inverse":
            x, log_slopes = tf.split(self.network(*points), 2, axis=-1)
            return x, tf.reduce_sum(log_slopes, axis=-1)
        y = network_of(self.network).invert(
            *points, where=self._where, validate_args=self.validate_args
        )
        # All dimensions are known now: one evaluation more gives the log-determinant.
        return y, -self.arithmetic("inverse", y, *points[1:])[1]

    def structure(self, direction: Direction) -> Hashable:
        """Give all that `arithmetic` depends on, but for points and weights."""
        if direction == "forward":
            raise NoStructureError  # A search, which raises where it finds no root.
        return None
