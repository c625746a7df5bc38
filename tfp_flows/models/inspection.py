"""What would spoil a fit, found in the rows before the first step."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows import stages
from tfp_flows.bijectors import BatchNormalization, Conditional, Permutation
from tfp_flows.objectives import Batch

# Fewer rows are a trial, of which repeated values tell nothing.
_LEAST_ROWS = 32
# Of rows that are looked at for repeated values.
_MOST_ROWS = 10_000
_CHUNK = 65_536
# Shares: of rows outside an interval, and of repeated values.
_FEW, _MANY = 0.05, 0.5


def inspect_rows(
    distribution: Any,
    rows: Batch,
    batch_size: int,
    *,
    are_integers: bool,
    columns: Sequence | None = None,
) -> list[str]:
    """Checks data in memory against the distribution that is to be trained on them.

    Args:
        distribution: with its layers adapted to the data.
        rows: checked.
        batch_size: of a step of training.
        are_integers: whether the points are integers, whose density is of noise added.
        columns: the names of the columns.

    Returns:
        What to warn of: constant columns; columns of few values; rows outside the
        interval of the first splines.

    Raises:
        ValueError: values whose square overflows; rows outside the support; all rows
            outside the interval of the first splines; a batch of one row for batch
            normalization. With the count, the first rows, and what to do.
    """
    x = rows.x
    is_vector = x.ndim == 2
    if is_vector:  # An image has many numbers of each channel.
        _require_moments(distribution, len(x), batch_size)
    if x.dtype.kind != "f":
        return []
    _require_squares(x, columns)
    found = _outside_interval(*_through_simple_layers(distribution, x))
    if len(x) < _LEAST_ROWS:
        return []
    if is_vector and not are_integers:
        found += _constant_columns(x, columns) + _repetitions(x, columns)
    return found


def columns_of(data: Any) -> list | None:
    """The names of the columns of a table such as a ``DataFrame``, if it has any."""
    names = getattr(data, "columns", None)
    return None if names is None else [str(name) for name in names]


def _rows_in_words(which: np.ndarray, num_rows: int) -> str:
    indices = np.flatnonzero(which)
    more = ", …" if len(indices) > 5 else ""
    first = ", ".join(map(str, indices[:5]))
    plural = "s" if len(indices) > 1 else ""
    return f"{len(indices)} of {num_rows} rows (row{plural} {first}{more})"


def _column_in_words(index: int, columns: Sequence | None) -> str:
    return f"column {index}" if columns is None else f"column {columns[index]!r}"


def _require_squares(x: np.ndarray, columns: Sequence | None) -> None:
    most = np.sqrt(np.finfo(x.dtype).max) / 2
    too_large = np.abs(x) > most
    if not too_large.any():
        return
    where = _rows_in_words(too_large.reshape(len(x), -1).any(axis=1), len(x))
    if x.ndim == 2:
        first = int(np.flatnonzero(too_large.any(axis=0))[0])
        where += f", first in {_column_in_words(first, columns)}"
    raise ValueError(
        f"x: the squares of values in {where} overflow {x.dtype.name}: |x| must be "
        f"below {most:.1e}. Divide the columns by their scale before: "
        "x / np.abs(x).max(axis=0)."
    )


def _layers_from_data(distribution: Any) -> tuple[Any, Iterator]:
    """The base, or ``None``, and the bijectors from the data towards it."""
    if not stages.is_transformed(distribution):
        return None, iter([])
    base, bijectors = stages.stages(distribution)
    return base, reversed(bijectors)


def _through_simple_layers(distribution: Any, x: np.ndarray) -> tuple[Any, np.ndarray]:
    """The first layer that costs something, or ``None``, and what arrives at it.

    Raises:
        ValueError: rows outside the support.
    """
    base, layers = _layers_from_data(distribution)
    for layer in layers:
        if not _is_simple(layer):
            return layer, x
        log_det = _chunked(_log_det_of(layer), x)
        x = _chunked(layer.inverse, x)
        # Beyond a bound the inverse is that of the bound, and the density is 0.
        good = np.isfinite(x) & np.isfinite(log_det)
        outside = ~good.reshape(len(x), -1).all(axis=1)
        if outside.any():
            raise ValueError(
                f"x: {_rows_in_words(outside, len(x))} are outside the support: "
                f"{stages.class_name(layer)} {layer.name!r} has no finite inverse "
                "there. Drop these rows, or widen the range, as by "
                "tfp_flows.bijectors.Bound(low, high) with bounds beyond the data."
            )
    if base is not None and base.batch_shape.rank == 0:
        outside = _chunked(base.log_prob, x) == -np.inf
        if outside.any():
            raise ValueError(
                f"x: {_rows_in_words(outside, len(x))} have probability 0 under "
                f"{base.name!r}. Drop these rows, or take another base."
            )
    return None, x


def _log_det_of(layer: Any) -> Any:
    """A function that gives log-determinants in the shape of the points."""

    def log_det(x):
        if layer.inverse_min_event_ndims:  # A permutation.
            return tf.zeros_like(x)
        return tf.broadcast_to(
            layer.inverse_log_det_jacobian(tf.identity(x), 0), tf.shape(x)
        )

    return log_det


def _is_simple(layer: Any) -> bool:
    """Tells whether an inverse costs little and needs no context."""
    inner = layer.bijector if stages.is_a(layer, tfb.Invert) else layer
    if isinstance(inner, Permutation):
        return True
    is_closed = "inverse" in getattr(layer, "closed", {"inverse"})
    is_elementwise = layer.forward_min_event_ndims == 0
    return is_elementwise and is_closed and not isinstance(inner, Conditional)


def _chunked(function: Any, x: np.ndarray) -> np.ndarray:
    parts = [
        np.asarray(function(tf.constant(x[start : start + _CHUNK])))
        for start in range(0, len(x), _CHUNK)
    ]
    return np.concatenate(parts)


def _outside_interval(layer: Any, x: np.ndarray) -> list[str]:
    """Compare with the interval of a layer of splines, outside which it is fixed."""
    options = getattr(getattr(layer, "transformer", None), "options", {})
    if "low" not in options or "high" not in options:
        return []
    low, high = np.asarray(options["low"]), np.asarray(options["high"])
    outside = ((x < low) | (x > high)).reshape(len(x), -1)
    rows = outside.any(axis=1)
    if rows.mean() <= _FEW:
        return []
    where = (
        f"x: {_rows_in_words(rows, len(x))} are outside the interval [{low}, {high}] "
        f"of {layer.name!r}, where its splines are the identity"
    )
    remedy = (
        "Put tfp_flows.bijectors.Standardize(D) nearest to the data: "
        "tfd.TransformedDistribution(flow, Standardize(D)); or give the flow a wider "
        "interval, low=… and high=…."
    )
    if outside.all():
        raise ValueError(f"{where}: no weight of it can learn. {remedy}")
    return [f"{where}. {remedy}"]


def _constant_columns(x: np.ndarray, columns: Sequence | None) -> list[str]:
    constant = np.flatnonzero((x == x[:1]).all(axis=0))
    if not constant.size:
        return []
    first = int(constant[0])
    more = f" (and {constant.size - 1} more)" if constant.size > 1 else ""
    return [
        f"x: {_column_in_words(first, columns)}{more} is constant, {x[0, first]} in "
        f"all {len(x)} rows: its density grows without limit, and the loss falls with "
        f"it. Drop it: np.delete(x, {constant.tolist()}, axis=1)."
    ]


def _repetitions(x: np.ndarray, columns: Sequence | None) -> list[str]:
    # Rows that are repeated as a whole count once: they are as a weight.
    some = np.sort(np.unique(x[:: -(-len(x) // _MOST_ROWS)], axis=0), axis=0)
    distinct = 1 + (np.diff(some, axis=0) != 0).sum(axis=0)
    repeated = 1 - distinct / len(some)
    few = np.flatnonzero((repeated > _MANY) & (distinct > 1))
    if not few.size:
        return []
    first = int(few[0])
    more = f" (and so in {few.size - 1} more columns)" if few.size > 1 else ""
    step = np.diff(np.unique(some[:, first])).min()
    return [
        f"x: {repeated[first]:.0%} of {_column_in_words(first, columns)} repeat other "
        f"values{more}, as rounded numbers do: a density can grow there without limit, "
        "and the loss falls with it. Add noise of the size of the steps: "
        f"x[:, {first}] += rng.uniform(-0.5, 0.5, len(x)) * {step:.3g}."
    ]


def _require_moments(distribution: Any, num_rows: int, batch_size: int) -> None:
    """Batch normalization has no variance of one row."""
    last = num_rows % batch_size or batch_size
    if last > 1:
        return
    layers = getattr(distribution, "submodules", ())
    for layer in layers:
        if isinstance(layer, BatchNormalization):
            raise ValueError(
                f"{layer.name!r} needs two rows in each batch for a variance, but with "
                f"batch_size={batch_size} the last of {num_rows} rows is alone in its "
                f"batch. {_remedy(num_rows, batch_size)}"
            )


def _remedy(num_rows: int, batch_size: int) -> str:
    if num_rows == 1:
        return "Give two rows or more."
    sizes = range(max(batch_size, 2), max(num_rows, batch_size) + 2)
    size = next(size for size in sizes if num_rows % size != 1)
    return f"Give batch_size={size}."
