"""Data in memory: checked, cast, split, and made batches of."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_count
from tfp_flows.math.integers import IntegerRange
from tfp_flows.models.data import spec as specs
from tfp_flows.objectives import Batch, BatchSpec

# AutoGraph would take a tenth of a second.
_as_it_is = tf.autograph.experimental.do_not_convert
_BY_ROWS = tf.data.experimental.AutoShardPolicy.DATA


def checked_rows(
    x: Any, context: Any = None, weights: Any = None, *, spec: BatchSpec, name: str
) -> Batch:
    """Check data in memory, and cast them to the flow's dtype.

    Raises:
        TypeError: not numbers.
        ValueError: no rows, rows of another shape, or one that is not finite, or not
            of the integers that are expected; weights of another shape, one that is
            negative or not finite, or all 0; a context of another shape, that is not
            finite, not of the integers that are expected, or missing.
    """
    rows = _real_array(x, name)
    if weights is not None and rows.ndim:
        dtype = specs.weight_dtype(spec)
        weights = _checked_weights(weights, len(rows), dtype, name)
        rows = _without_dropped(rows, weights)
    rows = _checked(
        rows, spec.event_shape, spec.dtype, name, specs.EVENTS, spec.integers
    )
    if not spec.has_context:
        return Batch(rows, None, weights)
    if context is None:
        raise ValueError(f"{name} has no context: {specs.PAIRS}")
    where = f"{name}: the context"
    context = _real_array(context, where)
    if weights is not None and len(context) == len(rows):
        context = _without_dropped(context, weights)
    dtype = specs.context_dtype(spec, tf.as_dtype(context.dtype))
    shape, integers = spec.context_shape, spec.context_integers
    context = _checked(context, shape, dtype, where, specs.CONTEXTS, integers)
    if len(context) != len(rows):
        raise ValueError(
            f"{where} must have a row for each point, but there are {len(context)} "
            f"contexts for {len(rows)} points."
        )
    return Batch(rows, context, weights)


def _checked(
    rows: np.ndarray,
    shape: tf.TensorShape,
    dtype: tf.DType,
    name: str,
    owner: str,
    integers: IntegerRange | None,
) -> np.ndarray:
    if not rows.ndim or not specs.fits(rows.shape, shape):
        raise ValueError(
            f"{name} must have {specs.in_words(shape, owner)}, but has shape "
            f"{rows.shape}."
        )
    if not len(rows):
        raise ValueError(f"{name} has no rows; its shape is {rows.shape}.")
    with np.errstate(over="ignore", invalid="ignore"):
        cast = rows.astype(dtype.as_numpy_dtype)
    good = np.isfinite(cast) if dtype.is_floating else cast == rows
    bad = np.flatnonzero(~good.reshape(len(cast), -1).all(axis=1))
    if bad.size:
        raise ValueError(
            f"{name} must be finite in {dtype.name}, but row {bad[0]} is "
            f"{rows[bad[0]].tolist()}"
            + (f" (and {bad.size - 1} more rows are not)." if bad.size > 1 else ".")
        )
    if integers is not None:
        integers.require(rows, name, rows=True)
    return cast


def _checked_weights(sample_weight, num_rows: int, dtype: tf.DType, name: str):
    where = f"{name}: sample_weight"
    weights = _real_array(sample_weight, where).astype(dtype.as_numpy_dtype)
    if weights.shape != (num_rows,):
        raise ValueError(
            f"{where} must have shape [{num_rows}], a weight for each row, but has "
            f"shape {weights.shape}."
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        raise ValueError(
            f"{where} must be finite and not negative, but row {bad[0]} has "
            f"{weights[bad[0]]}."
        )
    if not weights.any():
        raise ValueError(
            f"{where} is 0 for all {num_rows} rows: none is left. A row that counts "
            "has a weight above 0."
        )
    return weights


def _without_dropped(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The rows with others in the place of those of weight 0, whatever is in them.

    So that none of these makes a gradient NaN; their number stays.
    """
    kept = np.flatnonzero(weights)
    if len(kept) in (0, len(rows)):
        return rows
    index = np.arange(len(rows))
    index[weights == 0] = kept[0]
    return rows[index]


def _real_array(x, name: str) -> np.ndarray:
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} does not form an array: {error}") from error
    if array.dtype.kind not in "bfiu":
        raise TypeError(f"{name} must be real numbers, but its dtype is {array.dtype}.")
    return array


def split_rows(rows: Any, fraction: float) -> tuple[Batch, Batch]:
    """Split checked rows in two, the second the last ones to hold out.

    Raises:
        ValueError: a stream, a fraction outside (0, 1), or one that leaves no row.
    """
    if not isinstance(rows, Batch):
        raise ValueError(
            "validation_split goes with data in memory, but x is a stream: give "
            "validation_data."
        )
    num_rows = len(rows.x)
    first = int(num_rows * (1.0 - fraction)) if 0.0 < fraction < 1.0 else 0
    if not 0 < first < num_rows:
        raise ValueError(
            f"validation_split={fraction} must be between 0 and 1 and leave rows on "
            f"both sides, but x has {num_rows} rows."
        )
    return (
        Batch(*(None if part is None else part[:first] for part in rows)),
        Batch(*(None if part is None else part[first:] for part in rows)),
    )


def row_batches(
    rows: Batch, batch_size: int, *, shuffle_seed: tuple | None = None
) -> tf.data.Dataset:
    """Make a dataset of batches of checked rows, as `pack` makes them.

    Args:
        rows: checked.
        batch_size: of all batches but the last.
        shuffle_seed: ``None`` for the order of the rows, else a pair (seed, epoch)
            whose epoch may be a ``tf.Variable``: each iteration over the dataset
            draws the order that belongs to the pair at that time.

    Raises:
        TypeError: a batch size that is no integer.
        ValueError: one below 1.
    """
    batch_size = checked_count(batch_size, "batch_size")
    num_rows = len(rows.x)
    # Tensors, which the dataset captures; arrays it would write into its graph.
    tensors = [None if part is None else tf.constant(part) for part in rows]

    @_as_it_is
    def order(_):
        index = tf.range(num_rows)
        if shuffle_seed is not None:
            seed = tf.stack([tf.cast(part, tf.int32) for part in shuffle_seed])
            index = tf.random.experimental.stateless_shuffle(index, seed)
        return _index_batches(index, num_rows, batch_size)

    @_as_it_is
    def gather(index):
        parts = (None if part is None else tf.gather(part, index) for part in tensors)
        return specs.pack(Batch(*parts))

    return shared_by_rows(
        tf.data.Dataset.range(1)
        .flat_map(order)
        .apply(tf.data.experimental.assert_cardinality(-(-num_rows // batch_size)))
        .map(gather)
        .prefetch(tf.data.AUTOTUNE)
    )


def shared_by_rows(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Let each of several machines take its rows of each batch of a dataset.

    A batch is then the same, however many machines there are. Each reads all.
    """
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = _BY_ROWS
    return dataset.with_options(options)


def of_each_shape(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Give the first and the last batch, which has another shape, if any has."""
    return batches.take(1).concatenate(batches.skip(len(batches) - 1))


def _index_batches(index, num_rows: int, batch_size: int) -> tf.data.Dataset:
    # Slices: `Dataset.batch` would collect the rows one by one, at 0.4 µs each.
    num_full, num_last = divmod(num_rows, batch_size)
    full = tf.reshape(index[: num_rows - num_last], [num_full, batch_size])
    dataset = tf.data.Dataset.from_tensor_slices(full)
    if not num_last:
        return dataset
    last = tf.data.Dataset.from_tensors(index[num_rows - num_last :])
    return dataset.concatenate(last) if num_full else last
