"""A drop-in for TFP's own masked network, with weights that can be seen."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfp_flows.networks.autoregressive.made import MADE
from tfp_flows.random_state import Seed
from tfp_flows.variables import KerasModule


class MaskedAutoregressiveTemplate(tf.Module):
    """The function that `masked_autoregressive_template` makes."""

    def __init__(self, network: KerasModule, num_params: int):
        super().__init__(name="masked_autoregressive_template")
        self.network = network
        self._num_params = num_params

    @property
    def parameters(self) -> dict:
        """The arguments of the constructor."""
        return {"network": self.network, "num_params": self._num_params}

    def __call__(
        self, x: tf.Tensor, conditional_input: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Parameters ``[..., D, num_params]``."""
        context = [] if conditional_input is None else [conditional_input]
        params = self.network(x, *context)
        shape = tf.concat([tf.shape(x), [self._num_params]], axis=0)
        return tf.reshape(params, shape)


def masked_autoregressive_template(
    event_size: int,
    num_params: int = 2,
    hidden_units: Sequence[int] | None = None,
    *,
    order: Sequence[int] | None = None,
    context_size: int | None = None,
    activation: Any = "silu",
    seed: Seed = None,
    dtype: Any = "float32",
) -> MaskedAutoregressiveTemplate:
    """The network of ``tfb.MaskedAutoregressiveFlow``.

    TFP's own, ``tfb.AutoregressiveNetwork``, is a legacy layer that Keras 3 does not
    train. Here the weights exist at once, are weights of a Keras 3 layer (`MADE`), and
    appear in the bijector's ``trainable_variables``. The bijector starts at the
    identity.

    (TFP evaluates the network D times for ``forward``; with the same `MADE`
    `tfp_flows.bijectors.Autoregressive` does the work of one to three evaluations.)

    Args:
        event_size: D.
        num_params: numbers for each dimension; 2, shift and log-scale, is what
            ``shift_and_log_scale_fn`` needs.
        hidden_units: width of each hidden layer, as of `MADE`.
        order: of the dimensions, as for `MADE`.
        context_size: size of TFP's ``conditional_input``, if there is one.
        activation: of the hidden layers.
        seed: of the initial weights.
        dtype: of weights and computation.

    Raises:
        TypeError, ValueError: what `MADE` raises.

    >>> from tensorflow_probability import bijectors as tfb
    >>> bijector = tfb.MaskedAutoregressiveFlow(
    ...     masked_autoregressive_template(3, hidden_units=[32]))
    >>> len(bijector.trainable_variables)
    4
    """
    network = MADE(
        event_size,
        hidden_units,
        event_size * num_params,
        order=order,
        context_size=context_size,
        activation=activation,
        seed=seed,
        dtype=dtype,
    )
    network.build((None, event_size))
    return MaskedAutoregressiveTemplate(KerasModule(network), num_params)
