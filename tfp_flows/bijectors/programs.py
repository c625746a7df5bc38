"""Programs that layers of equal structure share, where they are executed eagerly.

A layer's arithmetic is a function of its points and of its network's weights. As a
``tf.function`` of both it is traced once for all layers that differ in their weights
alone, of one flow or of several, and for any number of rows. A call of it then costs a
half of what its operations cost one by one, and a tenth where it is a loop.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.variables import KerasModule, with_weights


class _Local(threading.local):
    """The state of a thread."""

    is_inlined = False
    layer: Any = None


_local = _Local()


@contextlib.contextmanager
def inlined() -> Iterator[None]:
    """Within it layers are computed where they are called, operation by operation."""
    before, _local.is_inlined = _local.is_inlined, True
    try:
        yield
    finally:
        _local.is_inlined = before


def evaluate(layer: Any, network: Any, direction: str, rows: Sequence) -> Any:
    """Give what the layer's ``_rows_forward``, or ``_rows_inverse``, gives.

    Args:
        layer: a `tfp_flows.bijectors.networked.Networked`.
        network: of the layer.
        direction: ``"forward"`` or ``"inverse"``.
        rows: points ``[N, ...]``, and their contexts, if it takes any.
    """
    structure = None
    if tf.executing_eagerly() and not _local.is_inlined:
        structure = _structure_of(layer, network, direction)
    if structure is None:
        return _method(layer, direction)(*rows)
    weights = [tf.convert_to_tensor(value) for value in network.values]
    specs = [tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in rows]
    before, _local.layer = _local.layer, layer
    try:
        program = _program(direction, structure).get_concrete_function(specs, weights)
        return program(list(rows), weights)
    finally:
        _local.layer = before


def _method(layer, direction: str) -> Callable:
    return layer._rows_forward if direction == "forward" else layer._rows_inverse


def _structure_of(layer, network: Any, direction: str) -> tuple | None:
    """What layers that share a program have in common; ``None`` for one that has none.

    A class answers for itself alone: what a subclass of the user's computes may depend
    on what it does not tell.
    """
    if "_structure" not in type(layer).__dict__ or not isinstance(network, KerasModule):
        return None
    if layer.validate_args or tf.distribute.has_strategy():
        return None
    own = layer._structure(direction)
    if own is None or None in own:
        return None
    if network.structure is None:
        network.structure = (_structure_of_network(network.layer),)
    (of_network,) = network.structure
    return None if of_network is None else (type(layer), own, of_network)


def _structure_of_network(network: Any) -> str | None:
    if not type(network).__dict__.get("shares_programs"):
        return None
    # Functions of a user's, such as two lambdas, may have one configuration.
    if not network.activation.__module__.startswith(("keras.", "tfp_flows.")):
        return None
    return repr(_plain(keras.saving.serialize_keras_object(network)))


def _plain(config: Any) -> Any:
    """A configuration without names and seeds, which the arithmetic does not see."""
    if isinstance(config, dict):
        return {k: _plain(v) for k, v in config.items() if k not in ("name", "seed")}
    return [_plain(v) for v in config] if isinstance(config, list | tuple) else config


@functools.cache
def _program(direction: str, structure: tuple) -> Any:
    return tf.function(_Run(direction), autograph=False)


class _Run:
    """A direction of a layer, as a function of rows and weights, while it is traced.

    It is no function, for TensorFlow warns of retraces by the code of a function, and
    all programs would have the same.
    """

    def __init__(self, direction: str):
        self.direction = direction

    def __call__(self, rows, weights):
        layer = _local.layer
        with with_weights(layer._network, weights):
            return _method(layer, self.direction)(*rows)
