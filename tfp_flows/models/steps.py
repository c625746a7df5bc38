"""How many steps Keras runs at once, its ``steps_per_execution``."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

# One execution costs about 0.5 ms of Python; of more steps at once, the progress bar
# and Ctrl-C would be the slower to answer.
AT_ONCE = 8

_HOOKS = [
    f"on_{kind}batch_{moment}"
    for kind in ("", "train_", "test_")
    for moment in ("begin", "end")
]
_FUNCTIONS = ("train_function", "test_function", "predict_function")


class Executions:
    """Switches a compiled model between numbers of steps at once.

    Keras compiles the number into its functions when it traces them. Here those of
    each number are kept, so that switching back compiles nothing.
    """

    def __init__(self):
        self._kept = {}

    @contextmanager
    def of(self, model: keras.Model, steps: int) -> Iterator[None]:
        """Within it, ``model`` runs so many steps at once."""
        before = model.steps_per_execution
        self._switch(model, steps)
        try:
            yield
        finally:
            self._switch(model, before)

    def _switch(self, model, steps):
        now = {name: getattr(model, name) for name in _FUNCTIONS}
        self._kept[model.steps_per_execution] = now
        model.steps_per_execution = steps
        for name in _FUNCTIONS:
            setattr(model, name, self._kept.get(steps, {}).get(name))


def act_on_batches(callbacks) -> bool:
    """Whether one of ``callbacks`` does something at each batch."""
    return any(
        getattr(getattr(callback, hook), "__func__", None) not in _idle(callback, hook)
        for callback in listed(callbacks)
        for hook in _HOOKS
    )


def _idle(callback, hook) -> list:
    # Keras's own callbacks that save have a hook that does nothing "epoch" by epoch.
    idle = [keras.callbacks.Callback, keras.callbacks.ProgbarLogger]
    if getattr(callback, "save_freq", None) == "epoch":
        idle += [keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore]
    return [getattr(kind, hook) for kind in idle]


def listed(callbacks) -> list[keras.callbacks.Callback]:
    """The callbacks that Keras is given: one, a nested list, a ``CallbackList``."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    return keras.tree.flatten(callbacks) if callbacks else []


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras's, which shows 8/6 where the last of several steps at once are missing."""

    def on_train_batch_end(self, batch, logs=None):
        """Shows the batches so far."""
        super().on_train_batch_end(self._within(batch), logs)

    def on_test_batch_end(self, batch, logs=None):
        """Shows the batches so far."""
        super().on_test_batch_end(self._within(batch), logs)

    def _within(self, batch):
        return batch if self.target is None else min(batch, self.target - 1)
