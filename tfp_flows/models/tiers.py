"""Two tiers of compiled steps: layers' own programs at once, the whole graph later.

XLA takes seconds to minutes for the graph of a whole step, whose steps are then the
fastest. Layers of equal structure, each a program of its own (`shared_programs`), start
in a few seconds, at any depth. So `fit` begins with these, while another thread
compiles the whole, and changes over. The change is at a fixed number of the optimizer's
iterations, so that what is trained depends on no clock.
"""

import enum
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import shared_programs
from tfp_flows.bijectors.networked import Networked
from tfp_flows.models import updates
from tfp_flows.stages import is_a

# The number of iterations at the change, and the number of batches from which on
# `evaluate` and `predict` compile the whole at once. As many steps of layers' own
# programs take about as long as XLA takes for the whole.
CHANGE = 400


class Tier(enum.Enum):
    """How a step is compiled."""

    BY_KERAS = enum.auto()  # As ``jit_compile`` of Keras says.
    APART = enum.auto()  # Layers' own programs, in a graph that XLA does not see.
    WHOLE = enum.auto()


class _Local(threading.local):
    tier = Tier.BY_KERAS


_local = _Local()


@contextmanager
def running(tier: Tier) -> Iterator[None]:
    """A context within which steps are of a tier."""
    before, _local.tier = _local.tier, tier
    try:
        if tier is Tier.APART:
            with shared_programs.apart():
                yield
        else:
            yield
    finally:
        _local.tier = before


def is_whole() -> bool:
    """Tell whether a step that is traced now is to be compiled as a whole."""
    return _local.tier is Tier.WHOLE


def update_of(optimizer: Any) -> AbstractContextManager:
    """Give a context in which an optimizer updates as it is best in the tier."""
    if _local.tier is Tier.APART:
        return updates.stacked(optimizer)
    return nullcontext()


def in_tier(tier: Tier, function: Callable) -> Callable:
    """Give a function whose calls, and so its traces, are of a tier."""

    def run(*args):
        with running(tier):
            return function(*args)

    return run


def has_first_tier(module: tf.Module) -> bool:
    """Tell whether layers' own programs are worth while for the density of ``module``.

    They are where all layers with a network have one, and mostly share it.
    """
    parts = [part for part in module.submodules if isinstance(part, tfb.Bijector)]
    inverted = [part.bijector for part in parts if is_a(part, tfb.Invert)]
    opposite = {id(p) for part in inverted for p in (part, *part.submodules)}
    structures = [
        part.program_apart("forward" if id(part) in opposite else "inverse")
        for part in parts
        if isinstance(part, Networked)
    ]
    kinds = set(structures)
    return None not in kinds and 0 < 2 * len(kinds) <= len(structures)


def is_long(batches: Any) -> bool:
    """Tell whether so many batches are worth the compilation of the whole."""
    is_counted = isinstance(batches, tf.data.Dataset)
    return is_counted and int(batches.cardinality()) >= CHANGE


class TrainFunction:
    """Keras's training function, in two tiers.

    Args:
        optimizer: whose iterations count.
        apart: the function of the first tier.
        whole: the function of the second.
    """

    def __init__(self, optimizer: Any, apart: Callable, whole: Callable):
        self._optimizer, self._apart, self._whole = optimizer, apart, whole
        self._prepare: Callable[[], Compilation] | None = None
        self._compilation: Compilation | None = None

    @contextmanager
    def expecting(self, prepare: Callable) -> Iterator[None]:
        """A context of a run that lasts beyond the change, or may do so.

        Args:
            prepare: starts the compilation of the whole, once the first step is done.
        """
        self._prepare = prepare
        try:
            yield
        finally:
            self._prepare = None

    def __call__(self, iterator: Any) -> Any:
        """Run a step, or several."""
        if int(self._optimizer.iterations) >= CHANGE:
            if self._compilation is not None:
                self._compilation.wait()
                self._compilation = None
            return self._whole(iterator)
        logs = self._apart(iterator)
        if self._prepare is not None and self._compilation is None:
            self._compilation = self._prepare()
        return logs


class Compilation:
    """The compilation of a step, by another thread.

    The step runs once for each shape of batch, on copies of all its variables, so that
    nothing else changes.

    Args:
        step: a ``tf.function`` that XLA compiles.
        spec: of the batches.
        examples: batches of all shapes that will come.
    """

    def __init__(self, step: Callable, spec: Any, examples: Iterable):
        def without_output(batch):
            step(batch)

        # Traced here: Keras's layers cannot be traced by two threads at once.
        function = tf.function(without_output, autograph=False)
        self._function = function.get_concrete_function(spec)
        # XLA knows the step by its name, not by its variables.
        copies = {
            id(variable.handle): tf.Variable(variable, trainable=False)
            for variable in self._function.variables
        }
        self._function.set_external_captures(
            [
                copies[id(capture)].handle if id(capture) in copies else capture
                for capture in self._function.captured_inputs
            ]
        )
        self._copies = copies
        self._examples = list(examples)
        self._error: Exception | None = None
        # A daemon: Ctrl-C need not wait for it.
        self._thread = threading.Thread(
            target=self._run, name="tfp_flows_compilation", daemon=True
        )
        self._thread.start()

    def _run(self):
        try:
            for batch in self._examples:
                self._function(batch)
        except Exception as error:
            self._error = error
        self._copies, self._examples = {}, []

    def wait(self) -> None:
        """Wait for its end.

        Raises:
            Exception: what the compilation raised.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
