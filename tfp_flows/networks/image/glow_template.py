"""Drop-ins for TFP's Glow, with weights that can be seen."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.networks.image.convolutional_network import ConvolutionalNetwork
from tfp_flows.random_state import Seed, as_integer, split_seed
from tfp_flows.variables import KerasModule

# Scales between e⁻³ and e³, those of `tfp_flows.bijectors.Affine.spec`.
_BOUND = 3.0


class GlowCoupling(tf.Module):
    """The bijector of the transformed half, as a function of the identity half."""

    def __init__(self, network: KerasModule):
        super().__init__(name="glow_coupling")
        self.network = network

    def __call__(self, x: tf.Tensor) -> tfb.Bijector:
        """A scale and a shift; for ``x`` of shape ``[..., H, W, C]``."""
        params = self.network.layer(tf.reshape(x, [-1, *x.shape[-3:]]))
        shape = tf.concat([tf.shape(x)[:-1], params.shape[-1:]], axis=0)
        params = tf.reshape(tf.cast(params, x.dtype), shape)
        shift, log_scale = tf.split(params, 2, axis=-1)
        log_scale = _BOUND * tf.tanh(log_scale / _BOUND)
        return tfb.Shift(shift)(tfb.Scale(log_scale=log_scale))


class GlowTemplate(tf.Module):
    """The function that `glow_template` makes: it gives a new network at each call."""

    def __init__(
        self,
        hidden_units: Sequence[int],
        kernel_size: int | Sequence[int],
        activation: Any,
        seed: Seed,
        dtype: Any,
    ):
        super().__init__(name="glow_template")
        # For the errors, now; and those of the network:
        self._seed = as_integer(seed, "GlowTemplate: seed")
        config = ConvolutionalNetwork(
            hidden_units, kernel_size=kernel_size, activation=activation, dtype=dtype
        ).get_config()
        self._hidden_units = config["hidden_units"]
        self._kernel_size = config["kernel_size"]
        self._activation = config["activation"]
        self._dtype = dtype
        self._num_networks = 0

    @property
    def parameters(self) -> dict:
        """The arguments of the constructor."""
        return {
            "hidden_units": list(self._hidden_units),
            "kernel_size": list(self._kernel_size),
            "activation": self._activation,
            "seed": self._seed,
            "dtype": self._dtype,
        }

    def __call__(
        self, input_shape: Sequence[int], output_chan: int | None = None
    ) -> GlowCoupling:
        """Make a network, other than those before.

        Args:
            input_shape: ``(H, W, C)`` of the half that passes through.
            output_chan: channels of the other one; C if not given.
        """
        *_, channels = input_shape
        self._num_networks += 1
        options = self.parameters
        if self._seed is not None:
            *_, options["seed"] = split_seed(self._seed, self._num_networks)
        network = ConvolutionalNetwork(
            output_size=2 * (output_chan or channels), **options
        )
        network.build((None, *input_shape))
        return GlowCoupling(KerasModule(network))


def glow_template(
    hidden_units: Sequence[int] = (64, 64),
    *,
    kernel_size: int | Sequence[int] = (3, 1, 3),
    activation: Any = "relu",
    seed: Seed = None,
    dtype: Any = "float32",
) -> GlowTemplate:
    """The networks of ``tfb.Glow``'s couplings: its ``coupling_bijector_fn``.

    TFP's default for it raises, and its ``GlowDefaultNetwork`` is a legacy model that
    Keras 3 does not train. Here the weights exist at once, are weights of Keras 3
    layers (`ConvolutionalNetwork`), and appear in the bijector's
    ``trainable_variables``. The couplings start at the identity, where those of TFP's
    networks multiply by σ(2).

    Args:
        hidden_units: channels of each hidden layer.
        kernel_size: as for `ConvolutionalNetwork`; give another one if there are not
            two hidden layers.
        activation: of the hidden layers.
        seed: of the initial weights; every network has its own of it.
        dtype: of weights and computation.

    Raises:
        TypeError, ValueError: what `ConvolutionalNetwork` raises.

    >>> bijector = tfb.Glow(
    ...     output_shape=(4, 4, 1),
    ...     num_glow_blocks=2,
    ...     num_steps_per_block=1,
    ...     coupling_bijector_fn=glow_template([8, 8]),
    ...     exit_bijector_fn=glow_exit_template())
    >>> bijector.forward(tf.ones([3, 16])).shape
    TensorShape([3, 4, 4, 1])
    """
    return GlowTemplate(hidden_units, kernel_size, activation, seed, dtype)


def glow_exit_template(
    hidden_units: Sequence[int] = (),
    *,
    kernel_size: int | Sequence[int] = 3,
    activation: Any = "relu",
    seed: Seed = None,
    dtype: Any = "float32",
) -> GlowTemplate:
    """The networks where variables leave ``tfb.Glow``: its ``exit_bijector_fn``.

    See `glow_template`; by default a single convolution, as in the paper. It predicts
    location and scale of the variables that leave from those that stay.

    Args:
        hidden_units: channels of each hidden layer.
        kernel_size: as for `ConvolutionalNetwork`.
        activation: of the hidden layers.
        seed: of the initial weights; every network has its own of it.
        dtype: of weights and computation.

    Raises:
        TypeError, ValueError: what `ConvolutionalNetwork` raises.

    >>> network = glow_exit_template()((4, 4, 6), output_chan=2)
    >>> [tuple(v.shape) for v in network.trainable_variables]
    [(3, 3, 6, 4), (4,)]
    """
    return GlowTemplate(hidden_units, kernel_size, activation, seed, dtype)
