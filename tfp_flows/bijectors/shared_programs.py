"""One traced function for all layers of equal structure, of any flow.

A layer's arithmetic is traced once as a function of points *and weights*: what is eager
then calls it in place of hundreds of operations, and the graph of a deep flow calls it
once for each layer.

* Eagerly it is a plain graph, for any number of points. (XLA would compile anew for
  each.) It is traced when layers of a structure have been used some times, and runs the
  same operations as they are written: that it is used changes no bit of a value.
* In a graph, only within `apart`, XLA compiles it by itself. Elsewhere a layer's
  operations become part of the graph: one that XLA compiles as a whole runs faster so.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import keras
import tensorflow as tf
from tensorflow.python.ops import gradients_util  # It alone knows what tapes watch.

from tfp_flows.bijectors import eager_options
from tfp_flows.bijectors.elementwise.transformer_spec import Direction
from tfp_flows.math import rematerialize
from tfp_flows.variables import KerasModule, NoStructureError, structure_of
from tfp_flows.variables.keras_context import known_to_keras, require_tracked

# More kinds of layers than this are not at work at once.
_MOST_PROGRAMS = 256
# To trace a layer takes about as long as to run its operations one by one so often.
USES_BEFORE_A_TRACE = 8


class SharesPrograms(Protocol):
    """A bijector with a network, as this module sees it."""

    validate_args: bool
    sequential: frozenset[str]
    arithmetic: Callable
    structure: Callable[[Direction], Hashable]
    recomputes: Callable[[Direction], bool]


class _Local(threading.local):
    is_apart = False


_local = _Local()
# Programs, or how often there would have been one.
_programs: dict[Hashable, Any] = {}
_lock = threading.Lock()


@contextmanager
def apart() -> Iterator[None]:
    """A context within which layers that are called in a graph are programs apart.

    For graphs that XLA does not compile as a whole, without strategies.
    """
    before, _local.is_apart = _local.is_apart, True
    try:
        yield
    finally:
        _local.is_apart = before


def evaluate(
    layer: SharesPrograms,
    network: Any,
    direction: Direction,
    points: Sequence[tuple[tf.Tensor, int]],
) -> Any:
    """Give ``layer.arithmetic(direction, *points)``, by a shared program if possible.

    Args:
        layer: a bijector that holds a network.
        network: its network.
        direction: forward or inverse.
        points: each tensor with the axis of it that counts points.
    """
    is_eager = tf.executing_eagerly()
    tensors = [part for part, _ in points]
    structure = None
    if _is_wanted(is_eager):
        structure = common_structure(
            layer, network, direction, is_compiled=not is_eager
        )
    if structure is None and not layer.recomputes(direction):
        return layer.arithmetic(direction, *tensors)
    require_tracked(network)  # What follows does not ask.
    weights = list(map(tf.convert_to_tensor, network.layer.variables))
    run = _Run(layer, network, direction, len(points))
    if structure is None or (is_eager and _takes_higher_derivatives(tensors + weights)):
        return run(*tensors, *weights)
    specs = [_spec(part, axis if is_eager else None) for part, axis in points]
    specs += [_spec(weight) for weight in weights]
    key = structure, is_eager, *specs
    program = _programs.get(key, 0)
    if is_eager and isinstance(program, int) and program < USES_BEFORE_A_TRACE:
        _remember(key, program + 1)
        return run(*tensors, *weights)
    if isinstance(program, int):
        jit_compile = None if is_eager else True
        function = tf.function(run, autograph=False, jit_compile=jit_compile)
        program = _remember(key, function.get_concrete_function(*specs))
    if not is_eager:
        return program(*tensors, *weights)
    with eager_options.as_written():
        return program(*tensors, *weights)


def _is_wanted(is_eager: bool) -> bool:
    if tf.distribute.has_strategy() or tf.config.functions_run_eagerly():
        return False
    return is_eager or _local.is_apart


def _takes_higher_derivatives(tensors) -> bool:
    """Tell whether several tapes, or a persistent one, watch these tensors.

    A program is then traced with its higher derivatives, for some seconds.
    """
    types = gradients_util.PossibleTapeGradientTypes(tensors)
    return types == gradients_util.POSSIBLE_GRADIENT_TYPES_HIGHER_ORDER


def common_structure(
    layer: SharesPrograms, network: Any, direction: Direction, *, is_compiled: bool
) -> Hashable | None:
    """Give what layers that share a program have in common; ``None`` for no program."""
    shares = vars(type(layer)).get("shares_programs")
    if not shares or type(network) is not KerasModule or layer.validate_args:
        return None  # XLA drops assertions.
    if is_compiled and direction in layer.sequential:
        return None
    try:
        structure = layer.structure(direction), structure_of(network.layer)
    except NoStructureError:
        return None
    # Other values may be in the place of the weights: those of a
    # `keras.StatelessScope`, or of another dtype, in an autocast scope.
    # And there may be others than at first, as of LoRA.
    variables, values = network.layer.variables, network.values
    if len(variables) != len(values) or any(
        variable.value is not value
        for variable, value in zip(variables, values, strict=True)
    ):
        return None
    recomputes = layer.recomputes(direction)
    return type(layer), direction, network.event_ndims, recomputes, structure


def _spec(part: tf.Tensor, unknown: int | None = None) -> tf.TensorSpec:
    shape = part.shape.as_list()
    if unknown is not None:
        shape[unknown] = None
    return tf.TensorSpec(shape, part.dtype)


def _remember(key, program) -> Any:
    with _lock:
        while key not in _programs and len(_programs) >= _MOST_PROGRAMS:
            del _programs[next(iter(_programs))]
        _programs[key] = program
    return program


class _Run:  # No function, of which TensorFlow would warn that it is traced often.
    """A layer's arithmetic as a function of points and weights."""

    def __init__(self, layer, network, direction, num_points):
        self._layer, self._direction = layer, direction
        self._variables = network.layer.variables
        self._num_points = num_points

    def __call__(self, *tensors):
        if self._layer.recomputes(self._direction):
            return rematerialize(self._evaluated)(*tensors)
        return self._evaluated(*tensors)

    def _evaluated(self, *tensors):
        points, weights = tensors[: self._num_points], tensors[self._num_points :]
        pairs = list(zip(self._variables, weights, strict=True))
        with known_to_keras(), keras.StatelessScope(state_mapping=pairs):
            return self._layer.arithmetic(self._direction, *points)
