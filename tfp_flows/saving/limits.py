"""Limits on what a file may declare, checked before anything of it is made.

Files come from strangers. A file names classes, which `registry` restricts; here it is
kept from declaring what would fill the memory, and from layers that run code.
"""

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import keras
import tensorflow as tf

# Of numbers in all variables: 1 GiB in float32.
MOST_NUMBERS = 2**28
MOST_VARIABLES = 100_000
_MOST_NODES = 2_000_000
_DEEPEST = 200
_LARGEST_SIZE = 2**24
# Arguments whose integers are no sizes.
_NO_SIZES = {"seed", "low", "high", "shared_object_id"}
# They run code that the file holds or names; Keras refuses some of them itself.
_RUN_CODE = {
    "Lambda",
    "__lambda__",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
}


def check_tree(root: Any) -> None:
    """Refuse the tree of a file that declares too much, or names what runs code.

    Raises:
        ValueError: what, and where in the tree.
    """
    nodes, numbers, variables = 0, 0, 0
    # By hand: a deep tree would end Python's own recursion.
    waiting: list[tuple[Any, int, str]] = [(root, 0, "")]
    while waiting:
        node, depth, key = waiting.pop()
        nodes += 1
        if depth > _DEEPEST:
            raise _refused(f"parts within parts, more than {_DEEPEST} deep")
        if nodes + len(waiting) > _MOST_NODES:
            raise _refused(f"more than {_MOST_NODES:,} parts")
        if isinstance(node, Mapping):
            if node.get("class_name") in _RUN_CODE:
                raise _refused(
                    f"the layer {node['class_name']!r}, an unsafe one that runs code"
                )
            if "aggregation" in node and "shape" in node:
                variables += 1
                numbers += _size(node["shape"])
                _check_numbers(numbers, variables)
            waiting += [(part, depth + 1, str(name)) for name, part in node.items()]
        elif isinstance(node, list | tuple):
            waiting += [(part, depth + 1, key) for part in node]
        elif isinstance(node, int) and key not in _NO_SIZES:
            _check_size(key, node)


@contextmanager
def limited_variables() -> Iterator[None]:
    """A context in which no more variables are made than files may declare."""
    numbers, variables = 0, 0

    def create(next_creator, **kwargs):
        nonlocal numbers, variables
        shape = kwargs.get("shape")
        if shape is None:
            shape = getattr(kwargs.get("initial_value"), "shape", None)
        shape = tf.TensorShape(_keras_shape() if shape is None else shape)
        numbers += shape.num_elements() or 0
        variables += 1
        _check_numbers(numbers, variables)
        return next_creator(**kwargs)

    with tf.variable_creator_scope(create):
        yield


def _keras_shape() -> Any:
    """The shape of the Keras variable that is being made; its values are not yet."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, keras.Variable):
            return owner._shape
        frame = frame.f_back
    return ()


def _check_numbers(numbers: int, variables: int) -> None:
    if numbers > MOST_NUMBERS:
        raise _refused(f"{numbers:,} numbers in its variables")
    if variables > MOST_VARIABLES:
        raise _refused(f"more than {MOST_VARIABLES:,} variables")


def _check_size(key: str, size: int) -> None:
    if abs(size) > _LARGEST_SIZE:
        raise _refused(f"the size {key} = {str(size)[:40]}")


def _size(shape: Any) -> int:
    whole = isinstance(shape, list) and all(
        isinstance(size, int) and size >= 0 for size in shape
    )
    if not whole:
        raise _refused(f"a variable of the shape {shape!r}")
    return math.prod(shape)


def _refused(what: str) -> ValueError:
    return ValueError(
        f"The saved flow has {what[:200]}, which no file of this package may have: do "
        "not trust it."
    )
