"""Glow."""

from collections.abc import Sequence

from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import (
    Affine,
    Coupling,
    Squeeze,
    TransformerSpec,
    channel_mask,
)
from tfp_flows.checks import checked_count
from tfp_flows.conditioners import ConvolutionalNetwork
from tfp_flows.flows.flow import Flow, flow_dtype
from tfp_flows.flows.image import glow_step, multi_scale_flow
from tfp_flows.math import split_seed


def glow(
    image_shape: Sequence[int],
    *,
    num_levels: int = 2,
    num_steps: int = 4,
    transformer: TransformerSpec | None = None,
    hidden_units: Sequence[int] = (64, 64),
    kernel_size: Sequence[int] | int = (3, 1, 3),
    activation="relu",
    context_size: int | None = None,
    base: tfd.Distribution | None = None,
    seed: int | None = None,
    dtype="float32",
) -> Flow:
    """Levels of ActNorm, 1×1 convolution and coupling by channels; events are images.

    Each level squeezes the image, takes ``num_steps`` such steps, and is done with half
    of the channels, of which a last coupling takes off what the other half tells of
    them (the conditional prior of the paper). ``log_prob`` and ``sample`` cost the
    same, one evaluation of each network. ``FlowModel.fit`` starts ActNorm from data.

    Integers from 0 to 255, or others, are for `tfp_flows.distributions.Dequantized`.

    Args:
        image_shape: ``(H, W, C)``, rows, columns and channels; H and W multiples of
            2 to the number of levels.
        num_levels: how many levels.
        num_steps: of each level.
        transformer: of the couplings; ``Affine.spec()`` if not given.
        hidden_units: width of each hidden convolution of each network.
        kernel_size: of each convolution, the last one too, or of all.
        activation: of the hidden convolutions.
        context_size: C, to make it a `tfp_flows.distributions.ConditionalFlow`, whose
            networks see a context of that size, such as a class in one-hot form
            (`tfp_flows.conditioners.OneHot`); ``None`` for none.
        base: of event shape [H·W·C]; a standard normal if not given.
        seed: of the initial weights and rotations.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an image shape that is not three positive integers, more levels than
            it allows, a count below 1, an even kernel size, a base of another event
            shape.
        TypeError: a size that is no integer, a transformer that is no
            `TransformerSpec`, a dtype that is not floating, a base of another dtype.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.glow((4, 4, 1), num_steps=1, hidden_units=[8], seed=0,
    ...                             kernel_size=3)
    >>> flow.sample(2, seed=[0, 1]).shape
    TensorShape([2, 4, 4, 1])

    Paper: Kingma and Dhariwal (2018), Glow: generative flow with invertible 1×1
    convolutions.
    """
    name, own_dtype = "glow", flow_dtype(dtype, "glow")
    num_steps = checked_count(num_steps, f"flows.{name}: num_steps")
    transformer = Affine.spec() if transformer is None else transformer

    def coupling_network(units, kernels, own_seed: int) -> ConvolutionalNetwork:
        return ConvolutionalNetwork(
            units,
            kernel_size=kernels,
            activation=activation,
            context_size=context_size,
            seed=own_seed,
            dtype=dtype,
        )

    def make_level(shape, is_last: bool, level_seed: int) -> list[tfb.Bijector]:
        mask = channel_mask([shape[0] // 2, shape[1] // 2, 4 * shape[2]])
        level = [tfb.Invert(Squeeze())]
        for step_seed in split_seed(level_seed, num_steps):
            network = coupling_network(hidden_units, kernel_size, step_seed)
            level += glow_step(
                network, transformer, mask, seed=step_seed, dtype=own_dtype
            )
        if not is_last:
            prior = coupling_network([], 3, split_seed(level_seed, 1)[0])
            level.append(Coupling(prior, transformer, mask))
        return level

    return multi_scale_flow(
        make_level,
        squeezes_last=True,
        image_shape=image_shape,
        num_levels=num_levels,
        base=base,
        context_size=context_size,
        seed=seed,
        dtype=dtype,
        name=name,
    )
