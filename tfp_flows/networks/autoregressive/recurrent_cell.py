"""The cell of a `Recurrent` network, made and checked."""

import functools
import inspect
from typing import Any, Protocol, runtime_checkable

import keras

from tfp_flows.random_state import Seed, split_seed


@runtime_checkable
class HasSizes(Protocol):
    """A cell's sizes, which Keras asks for besides its being a layer."""

    state_size: Any
    output_size: int


def make_cell(
    cell: Any,
    units: int | None,
    seed: Seed,
    dtype_policy: keras.dtype_policies.DTypePolicy,
) -> keras.Layer:
    """Make a cell of a class or function, or copy one.

    Args:
        cell: as for `Recurrent`.
        units: its width; 64, or the cell's, if not given.
        seed: of its initial weights, if it takes one.
        dtype_policy: that of the network, which must be the cell's, too.

    Raises:
        TypeError: a cell that is none.
        ValueError: units that are not the cell's, another dtype, dropout.
    """
    copy: Any = None
    if isinstance(cell, keras.Layer):
        _check_cell(cell, cell)
        copy = type(cell).from_config(cell.get_config())
    else:
        if callable(cell):
            copy = cell(units or 64, **_options_of(cell, seed, dtype_policy))
        _check_cell(copy, cell)
    if units is not None and units != copy.output_size:
        raise ValueError(
            f"Recurrent: units is {units}, but the cell {copy.name!r} has "
            f"{copy.output_size}; leave units out where a cell is given."
        )
    for part in copy._flatten_layers():
        _check_part(part, dtype_policy)
    return copy


def _options_of(cell, seed: Seed, dtype_policy) -> dict:
    """The usual options of Keras's cells that this one takes."""
    seeds = split_seed(seed, 5)
    options = {
        "kernel_initializer": keras.initializers.GlorotUniform(seed=seeds[0]),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=seeds[1]),
        "seed": seeds[2],
    }
    taken = inspect.signature(cell).parameters
    fixed = cell.keywords if isinstance(cell, functools.partial) else {}
    chosen = {k: v for k, v in options.items() if k in taken and k not in fixed}
    kinds = [parameter.kind for parameter in taken.values()]
    if "dtype" in taken or inspect.Parameter.VAR_KEYWORD in kinds:
        chosen["dtype"] = dtype_policy
    return chosen


def _check_cell(cell, argument) -> None:
    """Refuse what is no cell; a layer such as ``keras.layers.LSTM`` has one within."""
    is_cell = isinstance(cell, keras.Layer) and isinstance(cell, HasSizes)
    if not is_cell or isinstance(cell, keras.layers.RNN):
        raise TypeError(
            "Recurrent: cell must be a Keras cell, or a class or function that gives "
            f"one, such as keras.layers.LSTMCell, but got {argument!r}."
        )


def _check_part(part, dtype_policy) -> None:
    if part.dtype_policy != dtype_policy:
        raise ValueError(
            f"Recurrent: the network is {dtype_policy.name}, but the cell "
            f"{part.name!r} is {part.dtype_policy.name}; make it with dtype=…."
        )
    # Cells of Keras's have these attributes, those of others need not.
    if any(getattr(part, name, 0) for name in ("dropout", "recurrent_dropout")):
        raise ValueError(
            f"Recurrent: the cell {part.name!r} has dropout, with which a density "
            "would be another one at each evaluation."
        )
