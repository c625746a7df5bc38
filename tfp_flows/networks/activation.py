"""The activation of a network's hidden layers."""

import difflib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras.src.activations import ALL_OBJECTS_DICT  # Keras has no public list.

from tfp_flows.math import in_vectorized_map


def as_activation(activation: Any, where: str) -> Callable:
    """Give the function, or the Keras layer, that Keras makes of ``activation``.

    Args:
        activation: anything that Keras takes; ``None`` for the identity.
        where: the owner of the argument, for the message.

    Raises:
        ValueError: a name that Keras does not know.
        TypeError: no activation at all.
    """
    expected = (
        f"{where}: activation must be the name of one of Keras's activations, such as "
        f"'silu' or 'tanh', a function or a Keras layer, but got {activation!r}"
    )
    if isinstance(activation, str) and activation not in ALL_OBJECTS_DICT:
        nearest = difflib.get_close_matches(activation, ALL_OBJECTS_DICT, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
        raise ValueError(expected + hint)
    if not (activation is None or isinstance(activation, str | dict)):
        if not callable(activation) or isinstance(activation, type):
            raise TypeError(f"{expected}.")
    function = keras.activations.get(activation)
    return silu if function is keras.activations.silu else function


def activation_config(activation: Callable) -> Any:
    """What a file holds of what `as_activation` gave."""
    is_ours = activation is silu
    return keras.activations.serialize(
        keras.activations.silu if is_ours else activation
    )


def silu(x: tf.Tensor) -> tf.Tensor:
    """Give x·σ(x), as Keras does.

    TensorFlow's has a ``tf.custom_gradient``, to save memory, that
    ``tf.vectorized_map`` spoils: of a ``tf.function`` it keeps the gradient where
    nothing depends on the element, and looks for its tensors in the wrong graph.
    """
    return x * tf.sigmoid(x) if in_vectorized_map() else keras.activations.silu(x)
