"""Keras 3 layers that TFP sees."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.variables.keras_context import require_tracked
from tfp_flows.variables.names import module_name, require_built


class KerasModule(tf.Module):
    """A Keras 3 layer as a ``tf.Module``, so that TFP sees its weights.

    A bijector that holds a Keras 3 layer directly has empty ``trainable_variables``.
    Give it ``KerasModule(layer)`` instead: the weights then appear in
    ``bijector.trainable_variables`` and are reached by ``tf.train.Checkpoint``,
    ``tfp.math.minimize``, ``tfp.vi`` and `tfp_flows.FlowModel`. Hold it as an
    attribute: a function that closes over it hides it again.

    Called with ``x`` of shape ``[..., D]`` it flattens the batch, since Keras layers
    refuse an input of rank 1, and gives ``[..., K]`` in the dtype of ``x``.

    Keras, in turn, does not see into it: a Keras model of your own holds ``layer``
    itself; called in its ``fit``, a bare `KerasModule` is refused.

    Args:
        layer: a built ``keras.Layer``.
        event_ndims: the rank of one input of the layer, 1 for vectors and 3 for images.
        name: the name of the module.

    Raises:
        TypeError: ``layer`` is no Keras layer.
        ValueError: it has no weights yet, since it was not built; created during
            the first ``log_prob`` they would be missed; at a call, a Keras model is
            being fitted that would not train it.

    >>> layer = keras.layers.Dense(2)
    >>> layer.build((None, 1))
    >>> net = KerasModule(layer)
    >>> net(tf.ones([5, 4, 1])).shape
    TensorShape([5, 4, 2])
    >>> len(net.trainable_variables)
    2
    """

    def __init__(
        self, layer: keras.Layer, event_ndims: int = 1, name: str | None = None
    ):
        if not isinstance(layer, keras.Layer):
            raise TypeError(
                f"KerasModule takes a keras.Layer, but got {type(layer).__name__}."
            )
        require_built(layer)
        super().__init__(name=name or module_name(layer.name))
        self.layer = layer
        self.event_ndims = event_ndims
        self.values = [v.value for v in layer.variables]
        # The sizes that a bijector has tried it with, so that none need do so again.
        self.tried_for: tuple | None = None

    def __setstate__(self, state):
        """Makes a copy, by ``copy.deepcopy`` or ``pickle``, one object again.

        Keras copies a layer by its configuration and values, so that its copy has
        storages of its own. Those that Python copied, which other parts of the flow may
        share, take their place.
        """
        self.__dict__.update(state)
        _bind(self.layer, self.values)

    @property
    def dtype(self) -> tf.DType:
        """The weights' dtype (under mixed precision the layer computes in less)."""
        return tf.as_dtype(self.layer.variable_dtype)

    def __call__(self, x: Any, *context: Any) -> tf.Tensor:
        """Applies the layer to ``x``, whatever its batch rank.

        A ``context [..., C]``, if the layer takes one, has the batch shape of ``x``.
        """
        require_tracked(self)
        x, *contexts = map(tf.convert_to_tensor, (x, *context))
        rank = x.shape.rank - self.event_ndims
        if rank == 1:
            return tf.cast(self.layer(x, *contexts), x.dtype)
        flat = tf.reshape(x, [-1, *x.shape[rank:]])
        contexts = [tf.reshape(part, [-1, part.shape[-1]]) for part in contexts]
        y = tf.cast(self.layer(flat, *contexts), x.dtype)
        return tf.reshape(y, tf.concat([tf.shape(x)[:rank], tf.shape(y)[1:]], axis=0))


def _bind(layer: keras.Layer, storages: Sequence[tf.Variable]) -> None:
    """Puts the weights of a copied layer into copied storages of equal values.

    Raises:
        TypeError: the layer's copy has other weights.
    """
    weights = layer.variables
    same = len(weights) == len(storages) and all(
        np.array_equal(weight.numpy(), storage.numpy(), equal_nan=True)
        for weight, storage in zip(weights, storages, strict=True)
    )
    if not same:
        raise TypeError(
            f"The Keras layer {layer.name!r} cannot be copied: what its get_config and "
            "its saved values make has other weights than the layer itself."
        )
    for weight, storage in zip(weights, storages, strict=True):
        weight._value = storage


def network_of(conditioner: Any) -> Any:
    """The Keras layer within a `KerasModule`; any other object as it is."""
    return conditioner.layer if isinstance(conditioner, KerasModule) else conditioner
