"""Adam's update of many small variables at once, for a graph that is soon traced.

Keras updates variable by variable, some twenty operations each: for a deep flow that is
a third of the time before the first step. All the operations are elementwise, so
variables of one shape are updated together, stacked, to the same values.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

# What these hold for each variable. Others, and classes derived from them, may do
# anything in an update.
_SLOTS = ("_momentums", "_velocities", "_velocity_hats")
_ELEMENTWISE = (keras.optimizers.Adam, keras.optimizers.AdamW)
# The number of elements of a variable from which on the copies would cost more.
_LARGE = 2**16


@contextmanager
def stacked(optimizer: Any) -> Iterator[None]:
    """A context within which an optimizer updates variables of one shape together."""
    if type(optimizer) not in _ELEMENTWISE:
        yield
        return
    update = functools.partial(_update, optimizer, optimizer._backend_update_step)
    # Past Keras, which would track it.
    object.__setattr__(optimizer, "_backend_update_step", update)
    try:
        yield
    finally:
        object.__delattr__(optimizer, "_backend_update_step")


def _update(optimizer, update_each, gradients, variables, learning_rate) -> None:
    """Keras's ``_backend_update_step``."""
    groups: dict[Any, list] = {}
    for gradient, variable in zip(gradients, variables, strict=True):
        value = getattr(variable, "value", variable)
        is_small = value.shape.num_elements() < _LARGE
        is_alone = not is_small or isinstance(gradient, tf.IndexedSlices)
        key = id(value) if is_alone else (*value.shape, value.dtype)
        groups.setdefault(key, []).append((gradient, variable))
    for group in groups.values():
        own_gradients, own_variables = zip(*group, strict=True)
        if len(group) == 1:
            update_each(own_gradients, own_variables, learning_rate)
        else:
            _update_together(optimizer, own_gradients, own_variables, learning_rate)


def _update_together(optimizer, gradients, variables, learning_rate) -> None:
    indices = [optimizer._get_variable_index(variable) for variable in variables]
    slots = {
        name: _Stack([getattr(optimizer, name)[index] for index in indices])
        for name in _SLOTS
        if hasattr(optimizer, name)
    }
    together = _Stack(variables)
    step = type(optimizer).update_step
    step(_Together(optimizer, slots), tf.stack(gradients), together, learning_rate)
    for stack in (together, *slots.values()):
        stack.write()


class _Stack:
    """Variables of one shape as one, which an update changes."""

    def __init__(self, variables):
        self._variables = variables
        self.tensor = tf.stack([tf.convert_to_tensor(part) for part in variables])
        self.dtype = self.tensor.dtype

    def __tf_tensor__(self, dtype=None, name=None):
        return self.tensor

    def write(self):
        for variable, value in zip(
            self._variables, tf.unstack(self.tensor), strict=True
        ):
            variable.assign(value)


class _Together:
    """An optimizer, as its ``update_step`` sees it, of one variable: the stack."""

    def __init__(self, optimizer, slots):
        self._optimizer = optimizer
        vars(self).update({name: [stack] for name, stack in slots.items()})

    def __getattr__(self, name):
        return getattr(self._optimizer, name)

    def _get_variable_index(self, _):
        return 0

    def assign(self, stack, value):
        stack.tensor = tf.cast(value, stack.dtype)

    def assign_add(self, stack, value):
        self.assign(stack, stack.tensor + tf.cast(value, stack.dtype))

    def assign_sub(self, stack, value):
        self.assign(stack, stack.tensor - tf.cast(value, stack.dtype))
