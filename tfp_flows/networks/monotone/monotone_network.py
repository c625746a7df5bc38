"""The class of networks that are bijectors by themselves."""

import tensorflow as tf

from tfp_flows.networks.network import Network


class MonotoneNetwork(Network):
    """An autoregressive network that increases in each dimension, for a bijector.

    Called with ``[N, D]``, and a context ``[N, context_size]`` if it takes one, gives
    ``[N, 2·D]``: the images z, and the logarithms of the slopes dzᵢ/dxᵢ. The image of a
    dimension depends on that dimension and those before it.

    A subclass calls `_set_sizes` with an event size D and the output size 2·D, and
    writes `invert`. See `tfp_flows.networks.BlockNetwork`.
    """

    event_size: int

    def invert(
        self,
        z: tf.Tensor,
        context: tf.Tensor | None = None,
        *,
        where: str,
        validate_args: bool = False,
    ) -> tf.Tensor:
        """Find the x ``[N, D]`` whose image is z, with gradients.

        Args:
            z: ``[N, D]``.
            context: ``[N, context_size]``, if the network takes one.
            where: what an error calls the network.
            validate_args: whether a root that is not found is an error in a graph, too.

        Raises:
            ValueError: a root is not found, when executed eagerly.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `invert`.")
