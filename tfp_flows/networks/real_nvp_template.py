"""A drop-in for TFP's own template, with weights that can be seen."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfp_flows.networks.mlp import MLP
from tfp_flows.random_state import Seed
from tfp_flows.variables import KerasModule


class RealNVPTemplate(tf.Module):
    """The function that `real_nvp_template` makes."""

    def __init__(self, network: KerasModule, output_units: int):
        super().__init__(name="real_nvp_template")
        self.network = network
        self._output_units = output_units

    @property
    def parameters(self) -> dict:
        """The arguments of the constructor."""
        return {"network": self.network, "output_units": self._output_units}

    def __call__(self, x: tf.Tensor, output_units: int) -> list[tf.Tensor]:
        """Shift and log-scale, each ``[..., output_units]``."""
        if output_units != self._output_units:
            raise ValueError(
                f"real_nvp_template was made for {self._output_units} transformed "
                f"dimensions, but tfb.RealNVP asks for {output_units}: event_size and "
                "num_masked must be those of the bijector and its data."
            )
        return tf.split(self.network(x), 2, axis=-1)


def real_nvp_template(
    event_size: int,
    num_masked: int,
    hidden_units: Sequence[int] = (64, 64),
    *,
    activation: Any = "silu",
    seed: Seed = None,
    dtype: Any = "float32",
) -> RealNVPTemplate:
    """The network of ``tfb.RealNVP``, in place of TFP's default template.

    TFP's ``real_nvp_default_template`` makes legacy layers lazily, and the bijector
    does not see their weights. Here they exist at once, are weights of a Keras 3
    layer, and appear in the bijector's ``trainable_variables``. The bijector starts
    at the identity.

    Args:
        event_size: D, size of the events of the bijector.
        num_masked: as given to ``tfb.RealNVP``: how many of the first dimensions pass
            through (of the last, if negative).
        hidden_units: width of each hidden layer.
        activation: of the hidden layers.
        seed: of the initial weights.
        dtype: of weights and computation.

    Raises:
        ValueError: ``num_masked`` is 0 or does not leave a dimension to transform.

    >>> from tensorflow_probability import bijectors as tfb
    >>> bijector = tfb.RealNVP(
    ...     num_masked=2,
    ...     shift_and_log_scale_fn=real_nvp_template(3, 2, hidden_units=[32]))
    >>> len(bijector.trainable_variables)
    4
    """
    num_identity = abs(num_masked)
    if not 0 < num_identity < event_size:
        raise ValueError(
            f"real_nvp_template: num_masked must leave at least one dimension on each "
            f"side, so 0 < |num_masked| < event_size, but got num_masked={num_masked} "
            f"and event_size={event_size}."
        )
    output_units = event_size - num_identity
    network = MLP(
        hidden_units, 2 * output_units, activation=activation, seed=seed, dtype=dtype
    )
    network.build((None, num_identity))
    return RealNVPTemplate(KerasModule(network), output_units)
