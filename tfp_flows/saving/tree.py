"""A value as a tree that JSON can hold, and back, by a table of codecs."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Codec:
    """The way one kind of value is written and read: as ``{tag: fields}``.

    Args:
        tag: names the kind in a file.
        matches: whether a value is of the kind. The first codec of a table that
            matches a value writes it.
        encode: gives the fields of a value; it has the parts written by the writer.
            It may raise a ``ValueError`` that begins with where the value is.
        decode: gives the value of the fields; it has the parts read by the reader, in
            the order in which they were written.
        shared: whether an object is written once, however many others hold it.
    """

    tag: str
    matches: Callable[[Any], bool]
    encode: Callable[[Any, "Writer", str], Any]
    decode: Callable[[Any, "Reader"], Any]
    shared: bool = False


def instance_of(*types: type) -> Callable[[Any], bool]:
    """Make the test for `Codec` that most kinds need."""
    return lambda value: isinstance(value, types)


class Writer:
    """One pass over a value; a shared part that was met before is a reference.

    Args:
        codecs: the table.
        storages: identities of the variables that the value holds.
    """

    def __init__(self, codecs: Sequence[Codec], storages: set[int]):
        self.storages = storages
        self._codecs = codecs
        self._numbers: dict[int, int] = {}
        self._shared: list = []  # Held, so that no identity is given out twice.

    def write(self, value: Any, where: str) -> Any:
        """Write the node of a value.

        Raises:
            ValueError: a part that cannot be written, with its path in the flow.
        """
        if isinstance(value, keras.Variable):
            value = value.value
        if _is_json(value):
            return value
        if isinstance(value, list):
            return [self.write(part, f"{where}[{i}]") for i, part in enumerate(value)]
        if id(value) in self._numbers:
            return {"ref": self._numbers[id(value)]}
        codec = self._codec_of(value, where)
        node = {codec.tag: codec.encode(value, self, where)}
        if codec.shared:  # Numbered after its parts, as the reader does.
            self._numbers[id(value)] = len(self._shared)
            self._shared.append(value)
        return node

    def _codec_of(self, value: Any, where: str) -> Codec:
        for codec in self._codecs:
            if codec.matches(value):
                return codec
        raise ValueError(
            f"{where} cannot be saved: it is {value!r}, of the class "
            f"{type(value).__module__}.{type(value).__qualname__}."
        )


def _is_json(value: Any) -> bool:
    if isinstance(value, float):  # One of NumPy's keeps its dtype.
        return math.isfinite(value) and not isinstance(value, np.generic)
    return value is None or isinstance(value, bool | int | str)


class Reader:
    """One pass over what a `Writer` wrote."""

    def __init__(self, codecs: Sequence[Codec]):
        self._codecs = {codec.tag: codec for codec in codecs}
        self._shared: list = []

    def read(self, node: Any) -> Any:
        """Read the value of a node.

        Raises:
            ValueError: a node that no writer has written.
        """
        if isinstance(node, list):
            return [self.read(part) for part in node]
        if not isinstance(node, Mapping):
            return node
        ((tag, fields),) = node.items()
        if tag == "ref":
            return self._referred(fields)
        if tag not in self._codecs:
            raise ValueError(f"The saved flow has a part of an unknown kind: {tag!r}.")
        codec = self._codecs[tag]
        value = codec.decode(fields, self)
        if codec.shared:
            self._shared.append(value)
        return value

    def _referred(self, number: int) -> Any:
        if number not in range(len(self._shared)):
            raise ValueError(f"The saved flow has no part {number!r} to refer to.")
        return self._shared[number]
