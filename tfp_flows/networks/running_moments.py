"""The moments of batch normalization."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.checks import checked_number


@keras.saving.register_keras_serializable(package="tfp_flows")
class RunningMoments(keras.layers.Layer):
    """The mean of each channel and the logarithm of its standard deviation.

    In training they are those of the batch, which also update the running statistics;
    otherwise they are the running ones.

    Args:
        momentum: share of the running statistics that a step keeps, in [0, 1).
        epsilon: added to the variances, positive.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: no numbers.
        ValueError: numbers out of range.
    """

    def __init__(self, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs: Any):
        super().__init__(**kwargs)
        self.momentum = checked_number(momentum, "RunningMoments: momentum")
        self.epsilon = checked_number(epsilon, "RunningMoments: epsilon")
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(
                f"RunningMoments: momentum must be in [0, 1), but got {momentum}."
            )
        if not self.epsilon > 0.0:
            raise ValueError(
                f"RunningMoments: epsilon must be positive, but got {epsilon}."
            )

    def build(self, input_shape: Sequence) -> None:
        """Makes the statistics of ``input_shape[-1]`` channels."""
        options = {
            "shape": input_shape[-1:],
            "trainable": False,
            "autocast": False,
            "aggregation": "mean",
        }
        self.mean = self.add_weight(initializer="zeros", name="mean", **options)
        self.variance = self.add_weight(initializer="ones", name="variance", **options)

    def running(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The running moments, those of the batches before."""
        return self._out(tf.convert_to_tensor(self.mean), self.variance)

    def call(
        self, x: tf.Tensor, training: bool | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and log-deviation of each channel, ``[C]`` each."""
        if not training:
            return self.running()
        mean, variance = tf.nn.moments(x, axes=list(range(x.shape.rank - 1)))
        for weight, new in ((self.mean, mean), (self.variance, variance)):
            old = tf.convert_to_tensor(weight)
            weight.assign(old + (1.0 - self.momentum) * (new - old))
        return self._out(mean, variance)

    def _out(self, mean, variance):
        return mean, 0.5 * tf.math.log(tf.convert_to_tensor(variance) + self.epsilon)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
