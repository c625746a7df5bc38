"""Weights that a gradient reads later."""

from collections.abc import Callable

import keras
import tensorflow as tf


def with_weights_of_now(layer: keras.Layer, function: Callable) -> Callable:
    """A function that finds the layer's weights as they are now, whenever it is called.

    For the gradient of a ``tf.custom_gradient`` that reads weights: it is called later,
    when a scope such as that of Keras's ``stateless_call`` has ended, or when the
    weights have moved.
    """
    weights = [
        (variable, tf.convert_to_tensor(variable)) for variable in layer.variables
    ]

    def evaluate(*args):
        with keras.StatelessScope(state_mapping=weights):
            return function(*args)

    return evaluate
