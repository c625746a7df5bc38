"""What stands between a user's data and Keras: checks, casts, batches."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

# Marks an assertion of ours inside a data pipeline, so that `user_errors` knows it.
_NOT_FINITE = "tfp_flows: not finite, batch"


def is_stream(x) -> bool:
    """Whether ``x`` yields batches (a dataset, a generator) rather than being one."""
    return isinstance(x, tf.data.Dataset | keras.utils.PyDataset) or (
        hasattr(x, "__next__")
    )


def checked_rows(x, *, event_shape: tf.TensorShape, dtype: tf.DType, name: str):
    """Data in memory as a tensor ``[N, *event_shape]`` of the flow's dtype.

    Integers are cast, as other floating types are.

    Raises:
        TypeError: not numbers.
        ValueError: no rows, rows of another shape, or one that is not finite.
    """
    rows = np.asarray(x)
    if rows.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be real numbers, but its dtype is {rows.dtype}.")
    if not _fits(rows.shape, event_shape):
        raise ValueError(
            f"{name} must have shape {_rows_of(event_shape)} (the flow's events have "
            f"shape {tuple(event_shape)}), but has shape {rows.shape}."
        )
    if not len(rows):
        raise ValueError(f"{name} has no rows; its shape is {rows.shape}.")
    with np.errstate(over="ignore"):
        cast = rows.astype(dtype.as_numpy_dtype)
    bad = np.flatnonzero(~np.isfinite(cast).reshape(len(cast), -1).all(axis=1))
    if bad.size:
        raise ValueError(
            f"{name} must be finite in {dtype.name}, but row {bad[0]} is "
            f"{rows[bad[0]].tolist()}"
            + (f" (and {bad.size - 1} more rows are not)." if bad.size > 1 else ".")
        )
    return tf.constant(cast)


def checked_weights(sample_weight, num_rows: int, dtype: tf.DType):
    """Weights of rows as a tensor ``[N]``, or ``None``.

    Raises:
        ValueError: another shape, or a weight that is negative or not finite.
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype.as_numpy_dtype)
    if weights.shape != (num_rows,):
        raise ValueError(
            f"sample_weight must have shape [{num_rows}], a weight for each row, but "
            f"has shape {weights.shape}."
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        raise ValueError(
            f"sample_weight must be finite and not negative, but row {bad[0]} has "
            f"{weights[bad[0]]}."
        )
    return tf.constant(weights)


def split_rows(x, sample_weight, fraction: float):
    """``((x, weights), (x, None, weights))``, the second the last rows to hold out.

    Raises:
        ValueError: a stream, a fraction outside (0, 1), or one that leaves no row.
    """
    if is_stream(x):
        raise ValueError(
            f"validation_split goes with data in memory, but x is a stream "
            f"({type(x).__name__}): give validation_data."
        )
    rows = np.asarray(x)
    weights = None if sample_weight is None else np.asarray(sample_weight)
    kept = int(len(rows) * (1.0 - fraction)) if 0.0 < fraction < 1.0 else 0
    if not 0 < kept < len(rows):
        raise ValueError(
            f"validation_split={fraction} must be between 0 and 1 and leave rows on "
            f"both sides, but x has {len(rows)} rows."
        )
    if weights is None:
        return (rows[:kept], None), (rows[kept:], None, None)
    return (rows[:kept], weights[:kept]), (rows[kept:], None, weights[kept:])


def batches(rows, weights, batch_size: int, *, shuffle_seed=None) -> tf.data.Dataset:
    """A dataset of ``(x, y=None, sample_weight)`` as Keras takes it.

    Args:
        rows: ``[N, ...]``.
        weights: ``[N]`` or ``None``.
        batch_size: of all batches but the last.
        shuffle_seed: ``None`` for the order of the rows, else a pair (seed, epoch)
            whose epoch may be a ``tf.Variable``: each iteration over the dataset
            draws the order that belongs to the pair at that time.
    """
    num_rows = len(rows)

    def order(_):
        index = tf.range(num_rows)
        if shuffle_seed is not None:
            seed = tf.stack([tf.cast(part, tf.int32) for part in shuffle_seed])
            index = tf.random.experimental.stateless_shuffle(index, seed)
        return tf.data.Dataset.from_tensor_slices(index).batch(batch_size)

    def gather(index):
        x = tf.gather(rows, index)
        return (x,) if weights is None else (x, None, tf.gather(weights, index))

    return (
        tf.data.Dataset.range(1)
        .flat_map(order)
        .apply(tf.data.experimental.assert_cardinality(-(-num_rows // batch_size)))
        .map(gather)
        .prefetch(tf.data.AUTOTUNE)
    )


def checked_stream(stream, *, event_shape: tf.TensorShape, dtype: tf.DType):
    """A stream whose batches are cast and checked when they arrive.

    The check is part of the stream, not of the training step, for XLA compiles no
    assertions. Run the stream under `user_errors`.

    Raises:
        TypeError: batches that are not numbers.
        ValueError: batches of another shape or with targets (at once where the
            stream declares them); at the batch, with its number, where an entry is
            not finite.
    """

    def check(number, batch):
        x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
        if y is not None:
            raise ValueError(
                "The stream yields pairs (x, y), but a flow without a context has no "
                "targets: yield x, (x,) or (x, None, sample_weight)."
            )
        x = tf.convert_to_tensor(x)
        if not (x.dtype.is_floating or x.dtype.is_integer):
            raise TypeError(f"Batches must be real numbers, but are {x.dtype.name}.")
        if x.shape.rank is not None and not _fits(x.shape, event_shape):
            raise ValueError(
                f"Batches must have shape {_rows_of(event_shape)} (the flow's events "
                f"have shape {tuple(event_shape)}), but have shape {tuple(x.shape)}."
            )
        x = tf.cast(x, dtype)
        finite = tf.reduce_all(tf.math.is_finite(x))
        assertion = tf.debugging.Assert(finite, [_NOT_FINITE, number])
        with tf.control_dependencies([] if assertion is None else [assertion]):
            x = tf.identity(x)
        return (x,) if weights is None else (x, None, tf.cast(weights, dtype))

    if isinstance(stream, tf.data.Dataset):
        return stream.enumerate().map(check)
    if isinstance(stream, keras.utils.PyDataset):
        return _CheckedPyDataset(stream, check)
    return (check(number, batch) for number, batch in enumerate(stream))


class _CheckedPyDataset(keras.utils.PyDataset):
    def __init__(self, dataset: keras.utils.PyDataset, check):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self._dataset = dataset
        self._check = check

    def __len__(self):
        return len(self._dataset)

    @property
    def num_batches(self):
        return self._dataset.num_batches

    def __getitem__(self, index):
        return self._check(index, self._dataset[index])

    def on_epoch_begin(self):
        self._dataset.on_epoch_begin()

    def on_epoch_end(self):
        self._dataset.on_epoch_end()


@contextmanager
def user_errors() -> Iterator[None]:
    """Turns what TensorFlow raises for a user's mistake into the error it is.

    Raises:
        ValueError: a batch that is not finite; an operation that XLA cannot compile.
    """
    try:
        yield
    except tf.errors.OpError as error:
        text = str(error)
        if _NOT_FINITE in text:
            number = re.search(re.escape(_NOT_FINITE) + r"\]? \[?(\d+)", text)
            raise ValueError(
                "The training data must be finite, but batch "
                f"{number.group(1) if number else '?'} of the stream has an entry "
                "that is NaN or infinite (or too large for the flow's dtype)."
            ) from None
        if "unsupported operations" in text:
            raise ValueError(
                "XLA cannot compile an operation of this distribution: call "
                "compile(jit_compile=False) before. TensorFlow says: "
                + text.split("\n")[0]
            ) from None
        raise


def _fits(shape, event_shape: tf.TensorShape) -> bool:
    return len(shape) == 1 + len(event_shape) and (
        event_shape.is_compatible_with(shape[1:])
    )


def _rows_of(event_shape: tf.TensorShape) -> str:
    return "[" + ", ".join(["N", *map(str, event_shape)]) + "]"
