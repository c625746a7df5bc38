"""Keras's ``steps_per_execution``: how many steps run for each return to Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

# One execution costs about 0.5 ms of Python; with more steps in one the progress bar
# and Ctrl-C would be the slower to answer.
DEFAULT_STEPS = 8

_HOOKS = [
    f"on_{kind}batch_{moment}"
    for kind in ("", "train_", "test_")
    for moment in ("begin", "end")
]
_FUNCTIONS = ("train_function", "test_function", "predict_function")


class Functions:
    """The functions of Keras's for each kind of run, between which a model switches.

    Keras compiles the number of steps per execution into its functions when it traces
    them, and evaluations of many batches have other ones. Here those of each kind are
    remembered, so that switching back compiles nothing.
    """

    def __init__(self):
        self._functions: dict[tuple, Any] = {}

    @contextmanager
    def of(self, model: keras.Model, steps: int, is_long: bool) -> Iterator[None]:
        """A context within which a model has the functions of a kind of run.

        Args:
            model: a compiled `tfp_flows.FlowModel`.
            steps: per execution.
            is_long: whether it evaluates many batches.
        """
        before = model.steps_per_execution, model._is_long
        self._switch(model, steps, is_long)
        try:
            yield
        finally:
            self._switch(model, *before)

    def _switch(self, model, steps, is_long):
        for name in _FUNCTIONS:
            self._functions[self._key(model, name)] = getattr(model, name)
        model.steps_per_execution, model._is_long = steps, is_long
        for name in _FUNCTIONS:
            setattr(model, name, self._functions.get(self._key(model, name)))

    @staticmethod
    def _key(model, name) -> tuple:
        is_long = model._is_long and name != "train_function"
        return name, model.steps_per_execution, is_long


def jit_compile(choice: bool | str, is_graph: bool, replicas: int) -> Any:
    """Tell whether XLA compiles the steps; ``"auto"`` is wherever it can.

    Raises:
        ValueError: it is to compile them for more than one replica.
    """
    if choice == "auto":
        return is_graph
    if choice and replicas > 1:
        raise ValueError(
            f"XLA cannot run under a strategy of {replicas} replicas: leave "
            "jit_compile at 'auto'."
        )
    return choice


def act_on_batches(callbacks: Any) -> bool:
    """Tell whether one of ``callbacks`` does something at each batch."""
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


def listed(callbacks: Any) -> list[keras.callbacks.Callback]:
    """List callbacks as Keras takes them: one, a nested list, a ``CallbackList``."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    return keras.tree.flatten(callbacks) if callbacks else []


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras's bar, but never 8/6 where the last steps of an execution are missing."""

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Show the batches so far."""
        super().on_train_batch_end(self._within(batch), logs)

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Show the batches so far."""
        super().on_test_batch_end(self._within(batch), logs)

    def _within(self, batch):
        return batch if self.target is None else min(batch, self.target - 1)
