"""RealNVP of images."""

from collections.abc import Sequence

from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import (
    Affine,
    Coupling,
    Squeeze,
    TransformerSpec,
    channel_mask,
    checkerboard_mask,
)
from tfp_flows.checks import checked_count
from tfp_flows.conditioners import ConvolutionalResidualNetwork
from tfp_flows.flows.flow import Flow
from tfp_flows.flows.image import multi_scale_flow
from tfp_flows.math import split_seed


def real_nvp_image(
    image_shape: Sequence[int],
    *,
    num_levels: int = 2,
    num_steps: int = 3,
    transformer: TransformerSpec | None = None,
    filters: int = 32,
    num_blocks: int = 2,
    activation="relu",
    context_size: int | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Levels of couplings by checkerboards and by channels; events are images.

    Each level but the last has ``num_steps`` couplings by a checkerboard and its
    opposite in turns, squeezes the image, has as many by one half of the channels and
    the other, and is done with half of them. The last has ``num_steps`` + 1 by
    checkerboards. ``log_prob`` and ``sample`` cost the same, one evaluation of each
    network. (The paper also puts `tfp_flows.bijectors.BatchNormalization` between.)

    Args:
        image_shape: ``(H, W, C)``, rows, columns and channels; H and W multiples of
            2 to the number of levels less 1, so that 2 pixels or more are left at the
            last level.
        num_levels: how many levels.
        num_steps: couplings of each kind at each level.
        transformer: of the couplings; ``Affine.spec()`` if not given.
        filters: width of the residual networks.
        num_blocks: of each residual network.
        activation: of these networks.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, whose
            networks see a context of that size; ``None`` for none.
        base: of event shape [H·W·C]; a standard normal if not given.
        seed: of the initial weights.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an image shape that is not three positive integers, more levels than
            it allows, a count below 1, a base of another event shape.
        TypeError: a size that is no integer, a transformer that is no
            `TransformerSpec`, a dtype that is not floating, a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.real_nvp_image(
    ...     (4, 4, 1), num_steps=1, filters=8, num_blocks=1, seed=0)
    >>> flow.sample(2, seed=[0, 1]).shape
    TensorShape([2, 4, 4, 1])

    Paper: Dinh, Sohl-Dickstein and Bengio (2017), Density estimation using Real NVP.
    """
    name = "real_nvp_image"
    num_steps = checked_count(num_steps, f"flows.{name}: num_steps")
    transformer = Affine.spec() if transformer is None else transformer

    def couplings(make_mask, shape, seeds) -> list[tfb.Bijector]:
        found = []
        for turn, own_seed in enumerate(seeds):
            network = ConvolutionalResidualNetwork(
                filters,
                num_blocks=num_blocks,
                activation=activation,
                context_size=context_size,
                seed=own_seed,
                dtype=dtype,
            )
            found.append(Coupling(network, transformer, make_mask(shape, turn % 2)))
        return found

    def make_level(shape, is_last: bool, level_seed: int) -> list[tfb.Bijector]:
        seeds = split_seed(level_seed, 2 * num_steps + 1)
        if is_last:
            return couplings(checkerboard_mask, shape, seeds[: num_steps + 1])
        squeezed = [shape[0] // 2, shape[1] // 2, 4 * shape[2]]
        return [
            *couplings(checkerboard_mask, shape, seeds[:num_steps]),
            tfb.Invert(Squeeze()),
            *couplings(channel_mask, squeezed, seeds[num_steps:-1]),
        ]

    return multi_scale_flow(
        make_level,
        squeezes_last=False,
        image_shape=image_shape,
        num_levels=num_levels,
        base=base,
        context_size=context_size,
        seed=seed,
        dtype=dtype,
        name=name,
    )
