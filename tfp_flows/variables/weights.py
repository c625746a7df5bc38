"""The variables of both kinds that a TFP object holds."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.variables.names import require_built
from tfp_flows.variables.shared_variable import SharedVariable


class Weights(NamedTuple):
    """The Keras layers and the other variables that a TFP object holds."""

    layers: list[keras.Layer]
    variables: list[keras.Variable]

    @property
    def every_variable(self) -> list[keras.Variable]:
        """The variables of the layers, and the others."""
        return [*(v for part in self.layers for v in part.variables), *self.variables]


def find_weights(module: tf.Module) -> Weights:
    """The Keras layers and, as Keras weights, the other variables of a TFP object.

    Each storage occurs once, however many ways lead to it: a variable that belongs
    to one of the layers is not listed again.

    Raises:
        ValueError: a TFP object was given a ``keras.Variable`` and froze its value.
    """
    _refuse_frozen(module)
    layers = list(_leaves(module, keras.Layer))
    for layer in layers:
        require_built(layer)
    seen = {id(v.value) for layer in layers for v in layer.variables}
    variables: list[keras.Variable] = []
    for leaf in _leaves(module, tf.Variable | keras.Variable):
        is_keras = isinstance(leaf, keras.Variable)
        storage = leaf.value if is_keras else leaf
        if id(storage) not in seen:
            seen.add(id(storage))
            variables.append(leaf if is_keras else SharedVariable.of(leaf))
    return Weights(layers, variables)


def _leaves(module: tf.Module, kinds) -> Iterator:
    # tf.Module's own walk over attributes and nested structures; `expand_composites`
    # looks into TFP's composite tensors as `module.variables` does.
    return module._flatten(
        predicate=lambda leaf: isinstance(leaf, kinds), expand_composites=True
    )


def _refuse_frozen(module: tf.Module) -> None:
    for part in (module, *module.submodules):
        for name, value in getattr(part, "parameters", {}).items():
            if isinstance(value, keras.Variable) and not _holds(part, value):
                raise ValueError(
                    f"{type(part).__name__} {part.name!r} was given "
                    f"the keras.Variable {value.name!r} as {name!r} and froze its "
                    "value when it was made: give it the variable's `.value`."
                )


def _holds(part: tf.Module, variable: keras.Variable) -> bool:
    attributes = vars(part).values()
    return any(a is variable or a is variable.value for a in attributes)


def storage_ids(variables: Iterable) -> set[int]:
    """The identities of the storages of variables of either kind."""
    return {id(v.value if isinstance(v, keras.Variable) else v) for v in variables}


def num_elements(module: tf.Module) -> dict[int, int]:
    """The size of each distinct storage below a TFP object, by its identity."""
    variables = find_weights(module).every_variable
    return {id(v.value): int(np.prod(v.shape)) for v in variables}
