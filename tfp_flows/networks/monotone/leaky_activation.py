"""Leaky (strictly increasing) activations."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.networks.activation import as_activation


class LeakyActivation(keras.layers.Layer):
    """αx + a(x) with an α > 0 for each unit: a non-decreasing a becomes invertible.

    Without the first term tanh has no value beyond ±1, and relu one value for all
    negative x: a layer made of them would have no inverse.

    Args:
        activation: a, as Keras's ``activations.get`` gives it.
        alpha: where each α starts.
        train_alpha: whether the α are trained.
        **kwargs: the other arguments of ``keras.layers.Layer``.
    """

    def __init__(
        self, activation: Any, alpha: float, train_alpha: bool = True, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.train_alpha = train_alpha
        self.activation = activation
        self.alpha = alpha

    def build(self, input_shape: Sequence) -> None:
        """Makes the logarithms of α, for units ``[D, units, N]``."""
        self.log_alpha = self.add_weight(
            shape=(*input_shape[:2], 1),
            initializer=keras.initializers.Constant(np.log(self.alpha)),
            trainable=self.train_alpha,
            name="log_alpha",
        )

    def alphas(self) -> tf.Tensor:
        """The α, ``[D, units, 1]``."""
        return tf.exp(tf.convert_to_tensor(self.log_alpha))

    def value_and_slope(
        self, x: tf.Tensor, alpha: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """αx + a(x) and its derivative, a sum of terms that are not negative."""
        if self.activation is keras.activations.tanh:  # As the tape does, but faster.
            value = tf.tanh(x)
            return alpha * x + value, alpha + (1.0 - value * value)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = self.activation(x)
        return alpha * x + value, alpha + tape.gradient(value, x)


def checked_activation(activation: Any, where: str) -> Callable:
    """Give the function that Keras gives for ``activation``, if it never decreases.

    Raises:
        ValueError: it decreases somewhere, is not finite, or does not act on each
            number by itself, as far as can be told.
    """
    function = as_activation(activation, where)
    far = np.geomspace(8.0, 1e4, 100)
    x = np.concatenate([-far[:0:-1], np.linspace(-8.0, 8.0, 1601), far[1:]])
    with tf.init_scope():
        y = np.asarray(function(tf.constant(x)))
        alone = np.asarray(function(tf.constant(x[:100])))
    if not np.allclose(y[:100], alone, rtol=1e-12):
        raise ValueError(
            f"{where}: activation must act on each number by itself, but that of "
            f"{activation!r} depends on the others."
        )
    rounding = 1e-12 * (1.0 + np.abs(y[1:]))
    if not np.isfinite(y).all() or np.any(np.diff(y) < -rounding):
        raise ValueError(
            f"{where}: activation must be finite and must not decrease anywhere, such "
            f"as tanh, or the network would have no inverse, but got {activation!r}."
        )
    return function
