"""PixelCNN as a density of images."""

import math
from collections.abc import Sequence
from typing import Unpack

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.checks import checked_image_shape
from tfp_flows.conditioners import PixelCNN
from tfp_flows.flows.assembly import Assembly
from tfp_flows.flows.image import to_image
from tfp_flows.flows.layers import autoregressive_layer
from tfp_flows.flows.options import Activation, FlowOptions, FlowOrFamily
from tfp_flows.flows.ready_made import ready_made


@ready_made
def pixel_cnn(
    image_shape: Sequence[int],
    *,
    transformer: TransformerSpec | None = None,
    filters: int = 32,
    num_layers: int = 5,
    first_kernel_size: int = 7,
    kernel_size: int = 3,
    activation: Activation = "silu",
    **options: Unpack[FlowOptions],
) -> FlowOrFamily:
    """Images: one autoregressive layer by masked convolutions.

    The network is a gated `tfp_flows.conditioners.PixelCNN`, and events have the shape
    ``image_shape``: pixels in raster order, and the channels of a pixel in order. With
    the transformer ``Affine.spec()`` and a normal base every conditional is a Gaussian;
    ``MixtureCDF.spec(num_components=5)`` has the mixtures of logistics of PixelCNN++.
    ``log_prob`` is one evaluation of the network; sampling is one for each pixel and
    channel.

    Args:
        image_shape: ``(H, W, C)``, rows, columns and channels. D = H·W·C.
        filters: width of the convolutions, at least C.
        num_layers: how many convolutions, one after another. With the default kernels
            five reach seven columns to either side: all of an image of 8 × 8.
        first_kernel_size: of the first one, odd.
        kernel_size: of the others, odd.
        activation: of the two last layers of the network.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.pixel_cnn((3, 3, 1), filters=4, num_layers=2, seed=0)
    >>> flow.sample(2, seed=[0, 1]).shape
    TensorShape([2, 3, 3, 1])

    Papers: van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu
    (2016), Conditional image generation with PixelCNN decoders; Salimans, Karpathy,
    Chen and Kingma (2017), PixelCNN++.
    """
    shape = checked_image_shape(image_shape, "flows.pixel_cnn: image_shape")
    assembly = Assembly("pixel_cnn", math.prod(shape), **options)

    def network(_event_size, order, **network_options) -> PixelCNN:
        return PixelCNN(
            shape,
            filters,
            num_layers=num_layers,
            first_kernel_size=first_kernel_size,
            kernel_size=kernel_size,
            activation=activation,
            **network_options,
        )

    layer = autoregressive_layer(
        assembly, Affine.spec() if transformer is None else transformer, network
    )
    return assembly.flow([*assembly.layers(layer, 1), to_image(shape)])
