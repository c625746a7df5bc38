"""One small example of each network, for the generic tests and for readers."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np

from tfp_flows import networks


@dataclasses.dataclass(frozen=True)
class NetworkExample:
    """A network with arguments that make it small.

    Args:
        make: a function of ``seed`` and ``dtype``, and of ``context_size`` if it takes
            a context, that makes the network.
        input_shape: the shape of one row of its input.
        num_classes: the number of classes, for an input of integers.
        takes_context: whether there is a context beside it.
        starts_at_zero: whether its output is zero before training.
    """

    make: Callable[..., keras.Layer]
    input_shape: Sequence[int] = (3,)
    num_classes: int | None = None
    takes_context: bool = True
    starts_at_zero: bool = True

    @property
    def x(self) -> np.ndarray:
        """Inputs ``[12, *input_shape]``, the same at each call."""
        rng, shape = np.random.default_rng(0), [12, *self.input_shape]
        if self.num_classes is not None:
            return rng.integers(0, self.num_classes, size=shape)
        return rng.normal(size=shape)


_IMAGE = (4, 3, 2)

NETWORK_EXAMPLES: dict[str, NetworkExample] = {
    "BlockNetwork": NetworkExample(
        lambda **options: networks.BlockNetwork(3, 2, 1, **options),
        starts_at_zero=False,
    ),
    "ConvolutionalNetwork": NetworkExample(
        lambda **options: networks.ConvolutionalNetwork([4], 4, **options), _IMAGE
    ),
    "ConvolutionalResidualNetwork": NetworkExample(
        lambda **options: networks.ConvolutionalResidualNetwork(4, 1, 4, **options),
        _IMAGE,
    ),
    "GatedAttentionNetwork": NetworkExample(
        lambda **options: networks.GatedAttentionNetwork(
            4, 1, 4, num_heads=2, **options
        ),
        _IMAGE,
    ),
    "MADE": NetworkExample(lambda **options: networks.MADE(3, [4], 6, **options)),
    "MLP": NetworkExample(lambda **options: networks.MLP([4], 6, **options)),
    "NADE": NetworkExample(lambda **options: networks.NADE(3, 4, 6, **options)),
    "OneHot": NetworkExample(
        lambda seed, dtype: networks.OneHot(3, dtype=dtype),
        input_shape=(),
        num_classes=3,
        takes_context=False,
        starts_at_zero=False,
    ),
    "PixelCNN": NetworkExample(
        lambda **options: networks.PixelCNN(
            (2, 2, 1), 4, 8, num_layers=2, first_kernel_size=3, **options
        ),
        (4,),
    ),
    "Recurrent": NetworkExample(
        lambda **options: networks.Recurrent(3, 4, 6, **options)
    ),
    "WaveNet": NetworkExample(lambda **options: networks.WaveNet(3, 4, 6, **options)),
}
