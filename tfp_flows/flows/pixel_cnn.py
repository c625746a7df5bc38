"""PixelCNN as a density of images."""

import math
from collections.abc import Sequence

from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.checks import checked_image_shape
from tfp_flows.conditioners import PixelCNN
from tfp_flows.flows.flow import Flow, autoregressive_flow


def pixel_cnn(
    image_shape: Sequence[int],
    *,
    transformer: TransformerSpec | None = None,
    filters: int = 32,
    num_layers: int = 5,
    first_kernel_size: int = 7,
    kernel_size: int = 3,
    activation="silu",
    context_size: int | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """One autoregressive layer by masked convolutions, for images.

    The network is a gated `tfp_flows.conditioners.PixelCNN`, and events have the shape
    ``image_shape``: pixels in raster order, and the channels of a pixel in order. With
    the transformer ``Affine.spec()`` and a normal base every conditional is a Gaussian;
    ``MixtureCDF.spec(num_components=5)`` has the mixtures of logistics of PixelCNN++.
    ``log_prob`` is one evaluation of the network; sampling is one for each pixel and
    channel.

    Args:
        image_shape: ``(H, W, C)``, rows, columns and channels.
        transformer: of the layer; ``Affine.spec()`` if not given.
        filters: width of the convolutions, at least C.
        num_layers: how many convolutions, one after another. With the default kernels
            five reach seven columns to either side: all of an image of 8 × 8.
        first_kernel_size: of the first one, odd.
        kernel_size: of the others, odd.
        activation: of the two last layers of the network.
        context_size: size of the context, to make it a
            `tfp_flows.distributions.ConditionalFlow`, whose network sees a context of
            that size; ``None`` for none.
        base: of event shape [H·W·C]; a standard normal if not given.
        seed: of the initial weights.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an image shape that is not three positive integers, a number of
            layers below 1, fewer filters than channels, an even kernel size, or a base
            of another event shape.
        TypeError: a size that is no integer, a transformer that is no
            `TransformerSpec`, a dtype that is not floating, or a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.pixel_cnn((3, 3, 1), filters=4, num_layers=2, seed=0)
    >>> flow.sample(2, seed=[0, 1]).shape
    TensorShape([2, 3, 3, 1])

    Papers: van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu
    (2016), Conditional image generation with PixelCNN decoders; Salimans, Karpathy,
    Chen and Kingma (2017), PixelCNN++.
    """
    shape = checked_image_shape(image_shape, "flows.pixel_cnn: image_shape")
    size = math.prod(shape)

    def make_network(_event_size, order, **options):
        return PixelCNN(
            shape,
            filters,
            num_layers=num_layers,
            first_kernel_size=first_kernel_size,
            kernel_size=kernel_size,
            activation=activation,
            **options,
        )

    return autoregressive_flow(
        Affine.spec() if transformer is None else transformer,
        event_size=size,
        num_layers=1,
        make_network=make_network,
        context_size=context_size,
        permutation=None,
        base=base,
        seed=seed,
        dtype=dtype,
        name="pixel_cnn",
        last=[tfb.Reshape(event_shape_out=shape, event_shape_in=[size])],
    )
