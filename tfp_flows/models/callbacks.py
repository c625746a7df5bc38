"""The callbacks that a `FlowModel` adds to the user's."""

from typing import Any

import keras
import tensorflow as tf

from tfp_flows.models import execution


class EpochNumber(keras.callbacks.Callback):
    """A callback that tells data pipeline and model the epoch before it begins.

    Args:
        model: that is fitted.
    """

    def __init__(self, model: keras.Model):
        super().__init__()
        self.set_model(model)
        self.variable = tf.Variable(0, dtype=tf.int32, trainable=False)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Tell the epoch before the data pipeline starts."""
        self.variable.assign(epoch)
        self.model.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Count the epoch before anything is saved."""
        # The first of the callbacks, so that those that save find it.
        self.model.epoch = epoch + 1


def completed(callbacks: Any, *first: keras.callbacks.Callback) -> Any:
    """The callbacks for Keras: ``first``, the user's, and our progress bar."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        kinds = tuple({EpochNumber, *map(type, first)})
        others = [c for c in callbacks.callbacks if not isinstance(c, kinds)]
        callbacks.callbacks = [*first, *others]
        return callbacks
    callbacks = [*first, *execution.listed(callbacks)]
    if not any(isinstance(c, keras.callbacks.ProgbarLogger) for c in callbacks):
        callbacks.append(execution.ProgressBar())
    return callbacks
