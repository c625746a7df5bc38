"""The callbacks that a `FlowModel` adds to the user's."""

import keras
import tensorflow as tf

from tfp_flows.models import steps


class EpochNumber(keras.callbacks.Callback):
    """Tells the data pipeline the epoch, before it begins to iterate, and the model."""

    def __init__(self, variable: tf.Variable):
        super().__init__()
        self._variable = variable

    def on_epoch_begin(self, epoch, logs=None):
        """Before the data pipeline starts."""
        self._variable.assign(epoch)
        self.model.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        """Before anything is saved."""
        # The first of the callbacks, so that those that save find it.
        self.model.epoch = epoch + 1


def completed(callbacks, *own):
    """The callbacks that Keras is given, with our own and our progress bar."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        others = [c for c in callbacks.callbacks if not isinstance(c, EpochNumber)]
        callbacks.callbacks = [*own, *others]
        return callbacks
    callbacks = [*own, *steps.listed(callbacks)]
    if not any(isinstance(c, keras.callbacks.ProgbarLogger) for c in callbacks):
        callbacks.append(steps.ProgressBar())
    return callbacks
