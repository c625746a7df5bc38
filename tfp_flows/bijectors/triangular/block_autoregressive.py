"""Block neural autoregressive layers."""

import tensorflow as tf

from tfp_flows.bijectors.triangular.with_network import WithNetwork
from tfp_flows.variables import network_of


class BlockAutoregressive(WithNetwork):
    """Transform each dimension by a monotone network that sees those before it.

    Inverse (data → base): x = (1 − g)·y + g·f(y), by a network f whose weights are
    block-triangular with positive blocks on the diagonal, so that xᵢ increases in yᵢ
    and depends in any way on the dimensions before i: conditioner and transformer in
    one. See `tfp_flows.conditioners.BlockNetwork`, which is onto the real numbers.

    Forward (base → data): one dimension after another, as `Autoregressive`, each by a
    search for the root of a scalar increasing function, with gradients by the implicit
    function theorem. The paper has no such direction.

    Log-determinant: Σ log dxᵢ/dyᵢ, each slope carried through the diagonal blocks as a
    sum of positive terms. The Jacobian is triangular in the network's order.

    Cost: ``inverse``, and the log-determinant of either direction, one evaluation of
    the network. ``forward`` one or two, and the searches, which see the diagonal blocks
    alone; its gradient as much again, and a second derivative of it is refused.

    Args:
        network: a `tfp_flows.conditioners.BlockNetwork`, or a Keras layer with an
            ``event_size``, a ``call`` from ``[N, D]`` to ``[N, 2·D]`` (x and log dx/dy)
            and an ``invert``. A layer that is not built is built here.
        context: ``[..., C]``, what the network sees besides the point, if it takes a
            context; its batch shape is that of the bijector.
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
    ...     tfp_flows.conditioners.BlockNetwork(3, hidden_factor=8, seed=0))
    >>> x = layer.inverse([1.0, 2.0, -1.0])
    >>> layer.forward(tf.identity(x)).numpy().round(4)
    array([ 1.,  2., -1.], dtype=float32)

    Paper: De Cao, Titov and Aziz (2019), Block neural autoregressive flow.
    """

    def __init__(
        self,
        network,
        context=None,
        validate_args: bool = False,
        name: str = "block_autoregressive",
    ):
        parameters = dict(locals())
        where = f"BlockAutoregressive {name!r}"
        layer = network_of(network)
        if not (hasattr(layer, "invert") and hasattr(layer, "event_size")):
            raise TypeError(
                f"{where}: network must be a conditioners.BlockNetwork, or a layer "
                "with an event_size and the methods call and invert of one, but got "
                f"{network!r}."
            )
        size = layer.event_size
        super().__init__(
            parameters,
            "network",
            event_shape=[size],
            input_shape=[size],
            output_shape=[2 * size],
        )

    def _forward(self, x):
        columns, context = self._columns(x)
        y = network_of(self.network).invert(
            tf.transpose(columns),
            *context,
            where=self._where,
            validate_args=self.validate_args,
        )
        return self._from_columns(tf.transpose(y), x)

    def _evaluated(self, y) -> tuple[tf.Tensor, tf.Tensor]:
        """The inverse and its log-determinant, by one evaluation of the network."""
        columns, context = self._columns(y)
        found = tf.transpose(self.network(tf.transpose(columns), *context))
        x, log_slopes = tf.split(found, 2, axis=0)
        return self._from_columns(x, y), self._summed(log_slopes, columns, y)
