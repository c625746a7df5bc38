"""The activation of a network's hidden layers."""

import difflib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.math import in_vectorized_map


def as_activation(activation: Any, where: str) -> Any:
    """Give the function, or the Keras layer, that Keras makes of ``activation``.

    Args:
        activation: anything that Keras takes; ``None`` for the identity.
        where: the owner of the argument, for the message.

    Raises:
        ValueError: a name that Keras does not know.
        TypeError: no activation at all.
    """
    try:
        function = keras.activations.get(activation)
    except (ValueError, TypeError, KeyError) as error:
        raise _mistake(activation, where) from error
    if isinstance(function, type):
        raise _mistake(activation, where)
    return silu if function is keras.activations.silu else function


def activation_config(activation: Callable) -> Any:
    """Give what a file holds of what `as_activation` gave."""
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


def _mistake(activation, where: str) -> Exception:
    names = vars(keras.activations) if isinstance(activation, str) else []
    nearest = difflib.get_close_matches(str(activation), names, n=1)
    kind = ValueError if isinstance(activation, str) else TypeError
    return kind(
        f"{where}: activation must be the name of one of Keras's activations, such as "
        f"'silu' or 'tanh', a function or a Keras layer, but got {activation!r}"
        + (f"; did you mean {nearest[0]!r}?" if nearest else ".")
    )
