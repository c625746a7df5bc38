"""A network computed with tensors in place of its weights."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from tfp_flows.variables.keras_module import KerasModule


class _Local(threading.local):
    """The weights that are bound in a thread."""

    pairs: list[tuple] | None = None


_local = _Local()


@contextlib.contextmanager
def with_weights(module: KerasModule, weights: Sequence[tf.Tensor]) -> Iterator[None]:
    """Within it the network's weights are ``weights``, in the order of its values."""
    pairs = list(zip(module.layer.variables, weights, strict=True))
    before, _local.pairs = _local.pairs, pairs
    try:
        with keras.StatelessScope(state_mapping=pairs):
            yield
    finally:
        _local.pairs = before


def keeping_weights(function: Callable) -> Callable:
    """A function that finds the weights that are bound now, whenever it is called.

    For the gradient of a ``tf.custom_gradient`` that reads weights: it is called once
    `with_weights` has ended.
    """
    pairs = _local.pairs
    if pairs is None:
        return function

    def with_weights_of_then(*args):
        with keras.StatelessScope(state_mapping=pairs):
            return function(*args)

    return with_weights_of_then
