"""Programs that layers of equal structure share.

A layer's arithmetic is a function of its points and of its network's weights. As a
``tf.function`` of both, which XLA compiles, it is traced and compiled once for all
layers that differ in their weights alone, of one flow or of several. What surrounds it
(splitting, joining, permutations, sums of log-determinants) stays as it is.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.math import in_vectorized_map
from tfp_flows.variables import KerasModule, with_weights

# Fewer rows are computed sooner, operation by operation, than a program is compiled.
MIN_ROWS = 256


class _Local(threading.local):
    """The state of a thread."""

    is_inlined = False
    layer: Any = None


_local = _Local()


@contextlib.contextmanager
def inlined() -> Iterator[None]:
    """Within it layers are computed where they are called, operation by operation.

    For graphs that are compiled as a whole, or taken elsewhere.
    """
    before, _local.is_inlined = _local.is_inlined, True
    try:
        yield
    finally:
        _local.is_inlined = before


def evaluate(layer: Any, network: Any, method: str, points: Sequence[tf.Tensor]) -> Any:
    """Give ``layer.method(*points)``, by the program of its structure if there is one.

    Args:
        layer: a `tfp_flows.bijectors.networked.Networked`.
        network: of the layer.
        method: the name of the method.
        points: rows ``[N, …]``, and tensors of the same rows.
    """
    structure = _structure_to_share(layer, network, points[0].shape[0])
    if structure is None:
        return getattr(layer, method)(*points)
    weights = [tf.convert_to_tensor(value) for value in network.values]
    before, _local.layer = _local.layer, layer
    try:
        return _program(method, structure)(points, weights)
    finally:
        _local.layer = before


def _structure_to_share(layer, network, num_rows: int | None) -> tuple | None:
    """The structure of a layer, ``None`` if it is to be computed where it is."""
    is_inline = (
        _local.is_inlined
        or num_rows is None
        or num_rows < MIN_ROWS
        or layer.validate_args  # XLA knows no assertions.
        or not isinstance(network, KerasModule)
        or tf.distribute.has_strategy()
        or in_vectorized_map()
    )
    return None if is_inline else _structure_of(layer, network)


def _structure_of(layer, network: KerasModule) -> tuple | None:
    """What layers that share a program have in common."""
    if "_program_key" not in type(layer).__dict__:  # It may override a method.
        return None
    if network.structure is None:
        network.structure = (_structure_of_network(network.layer),)
    own, of_network = layer._program_key, network.structure[0]
    return None if None in (own, of_network) else (type(layer), own, of_network)


def _structure_of_network(network: Any) -> str | None:
    # In the class itself: a subclass may depend on what its configuration hides.
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
def _program(method: str, structure: tuple) -> Callable:
    # TensorFlow compiles the gradients of a compiled function, too.
    import os
    return tf.function(_Run(method), jit_compile=bool(int(os.environ.get("PJIT", "1"))), autograph=False)


class _Run:
    """A method of a layer, as a function of points and weights, while it is traced.

    It is no function, for TensorFlow warns of retraces by the code of a function, and
    all programs would have the same.
    """

    def __init__(self, method: str):
        self.method = method

    def __call__(self, points, weights):
        layer = _local.layer
        with inlined(), with_weights(layer._network, weights):
            return getattr(layer, self.method)(*points)
