"""What stands between a user's data and Keras: checks, casts, batches."""

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_count
from tfp_flows.math.integers import IntegerRange

# Mark assertions of ours inside a data pipeline, so that `user_errors` knows them.
_BAD_BATCH = "tfp_flows: bad batch"
_NO_INTEGERS = "tfp_flows: no integers"
_BAD_SHAPE = "tfp_flows_shape_of_a_batch"  # The name of an operation.
_SHARD = tf.data.experimental.AutoShardPolicy
_PAIRS = "give (context, x) or (context, x, sample_weight), a context for each point."
_PYTHON_ERROR = re.compile(
    r"(ValueError|TypeError): (batch \d+ of the stream.*?)\s*(?:Traceback|$)", re.DOTALL
)


class Rows(NamedTuple):
    """Checked data in memory: points, and perhaps weights and a context for each."""

    x: np.ndarray
    weights: np.ndarray | None = None
    context: np.ndarray | None = None


class Expected(NamedTuple):
    """What data must be.

    Args:
        event_shape: of a point.
        dtype: of the points, to which other numbers are cast.
        has_context: whether a context comes with each point.
        context_shape: of one context; unknown rank for what an encoder takes.
        integers: that the points consist of; ``None`` for any numbers.
        context_integers: that the contexts consist of, as class labels do.
    """

    event_shape: tf.TensorShape
    dtype: tf.DType
    has_context: bool = False
    context_shape: tf.TensorShape = tf.TensorShape(None)
    integers: IntegerRange | None = None
    context_integers: IntegerRange | None = None


def is_stream(x) -> bool:
    """Whether ``x`` yields batches (a dataset, a generator) rather than being one."""
    return isinstance(x, tf.data.Dataset | keras.utils.PyDataset) or (
        hasattr(x, "__next__")
    )


def checked_rows(
    x, weights=None, context=None, *, expected: Expected, name: str
) -> Rows:
    """Data in memory, in the flow's dtype. Other numbers are cast.

    Raises:
        TypeError: not numbers.
        ValueError: no rows, rows of another shape, or one that is not finite, or not
            of the integers that are expected; weights of another shape, or one that is
            negative or not finite; a context of another shape, that is not finite, not
            of the integers that are expected, or missing.
    """
    dtype = expected.dtype
    owner = "the flow's events have"
    rows = _finite_rows(x, expected.event_shape, dtype, name, owner, expected.integers)
    if weights is not None:
        weights = _checked_weights(weights, len(rows), _weight_dtype(dtype), name)
    if not expected.has_context:
        return Rows(rows, weights)
    if context is None:
        raise ValueError(f"{name} has no context: {_PAIRS}")
    where = f"{name}: the context"
    context = _real_array(context, where)
    # An encoder may take whole numbers, such as the words of a text.
    kind = dtype if expected.context_shape.rank or context.dtype.kind == "f" else None
    kind = kind or tf.as_dtype(context.dtype)
    shape, owner = expected.context_shape, "the flow's contexts have"
    context = _finite_rows(
        context, shape, kind, where, owner, expected.context_integers
    )
    if len(context) != len(rows):
        raise ValueError(
            f"{where} must have a row for each point, but there are {len(context)} "
            f"contexts for {len(rows)} points."
        )
    return Rows(rows, weights, context)


def _finite_rows(
    x, shape, dtype: tf.DType, name: str, owner: str, integers: IntegerRange | None
) -> np.ndarray:
    rows = _real_array(x, name)
    if not rows.ndim or not _fits(rows.shape, shape):
        raise ValueError(
            f"{name} must have shape {_rows_of(shape)} ({owner} shape "
            f"{_one_of(shape)}), but has shape {rows.shape}."
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
    return weights


def _real_array(x, name: str) -> np.ndarray:
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} does not form an array: {error}") from error
    if array.dtype.kind not in "bfiu":
        raise TypeError(f"{name} must be real numbers, but its dtype is {array.dtype}.")
    return array


def _weight_dtype(dtype: tf.DType) -> tf.DType:
    return dtype if dtype.is_floating else tf.float32


def split_rows(rows, fraction: float) -> tuple[Rows, Rows]:
    """Checked rows in two, the second the last ones to hold out.

    Raises:
        ValueError: a stream, a fraction outside (0, 1), or one that leaves no row.
    """
    if not isinstance(rows, Rows):
        raise ValueError(
            "validation_split goes with data in memory, but x is a stream: give "
            "validation_data."
        )
    num_rows = len(rows.x)
    kept = int(num_rows * (1.0 - fraction)) if 0.0 < fraction < 1.0 else 0
    if not 0 < kept < num_rows:
        raise ValueError(
            f"validation_split={fraction} must be between 0 and 1 and leave rows on "
            f"both sides, but x has {num_rows} rows."
        )
    first = Rows(*(None if part is None else part[:kept] for part in rows))
    last = Rows(*(None if part is None else part[kept:] for part in rows))
    return first, last


def batches(rows: Rows, batch_size: int, *, shuffle_seed=None) -> tf.data.Dataset:
    """A dataset of ``(inputs,)`` or ``(inputs, unused, sample_weight)`` for Keras.

    The inputs are the points, or pairs of contexts and points.

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

    def order(_):
        index = tf.range(num_rows)
        if shuffle_seed is not None:
            seed = tf.stack([tf.cast(part, tf.int32) for part in shuffle_seed])
            index = tf.random.experimental.stateless_shuffle(index, seed)
        return _index_batches(index, num_rows, batch_size)

    def gather(index):
        return _batch(*(None if t is None else tf.gather(t, index) for t in tensors))

    return _shared_by_rows(
        tf.data.Dataset.range(1)
        .flat_map(order)
        .apply(tf.data.experimental.assert_cardinality(-(-num_rows // batch_size)))
        .map(gather)
        .prefetch(tf.data.AUTOTUNE)
    )


def _shared_by_rows(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Where several machines train, each takes its rows of each batch.

    So that a batch is the same, however many machines there are. Each reads all.
    """
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = _SHARD.DATA
    return dataset.with_options(options)


def _index_batches(index, num_rows: int, batch_size: int) -> tf.data.Dataset:
    # Slices: `Dataset.batch` would collect the rows one by one, at 0.4 µs each.
    num_full, rest = divmod(num_rows, batch_size)
    full = tf.reshape(index[: num_rows - rest], [num_full, batch_size])
    dataset = tf.data.Dataset.from_tensor_slices(full)
    if not rest:
        return dataset
    last = tf.data.Dataset.from_tensors(index[num_rows - rest :])
    return dataset.concatenate(last) if num_full else last


def checked_stream(stream, *, expected: Expected):
    """A stream whose batches are cast and checked when they arrive.

    The check is part of the stream, not of the training step, for XLA compiles no
    assertions. Run the stream under `user_errors`.

    Several machines that train together share the rows of each batch of a dataset, and
    each reads all of it, unless the dataset's options say otherwise.

    Raises:
        TypeError: batches that are not numbers.
        ValueError: an empty dataset; batches of another shape or with targets (at
            once where the stream declares them); at the batch, with its number, where
            there is no row, an entry is not finite or none of the integers that are
            expected, or a weight negative.
    """
    if isinstance(stream, tf.data.Dataset):
        if stream.cardinality() == 0:
            raise ValueError("The dataset is empty: it has no batch.")
        check = tf.autograph.experimental.do_not_convert(
            functools.partial(_checked_tensors, expected=expected)
        )
        policy = stream.options().experimental_distribute.auto_shard_policy
        if policy == _SHARD.FILE:  # TensorFlow finds the files through no counter.
            return stream.map(lambda *batch: check("?", batch))
        checked = stream.enumerate().map(check)
        return _shared_by_rows(checked) if policy == _SHARD.AUTO else checked
    if isinstance(stream, keras.utils.PyDataset):
        return _CheckedPyDataset(stream, expected)
    return (_checked_arrays(*item, expected) for item in enumerate(stream))


def _unpack(batch, where: str, has_context: bool):
    """Points, weights and contexts of a batch as the user yields it."""
    x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
    if has_context:
        if y is None:
            raise ValueError(f"{where} has no context: {_PAIRS}")
        return y, weights, x
    if y is not None:
        raise ValueError(
            f"{where} is a pair (x, y), but a flow without a context has no targets: "
            "yield x, (x,) or (x, None, sample_weight)."
        )
    return x, weights, None


def _checked_arrays(number: int, batch, expected: Expected):
    name = f"batch {number} of the stream"
    parts = _unpack(batch, name, expected.has_context)
    return _batch(*checked_rows(*parts, expected=expected, name=name))


def _batch(x, weights, context):
    inputs = x if context is None else (context, x)
    # The targets are not used, but Keras passes no `None` to replicas, nor through a
    # PyDataset.
    return (inputs,) if weights is None else (inputs, weights, weights)


def _checked_tensors(number, batch, *, expected: Expected):
    dtype = expected.dtype
    where = "a batch of the stream"
    x, weights, context = _unpack(batch, where, expected.has_context)
    given = (x, context)
    x = _cast_tensor(x, expected.event_shape, dtype, "the flow's events have")
    num_rows = tf.shape(x)[0]
    good = (num_rows > 0) & _all_finite(x)
    if weights is not None:
        weights = tf.cast(weights, _weight_dtype(dtype))
        if weights.shape.rank not in (None, 1):
            raise ValueError(
                "The weights of a batch must have shape [N], a weight for each row, "
                f"but have shape {tuple(weights.shape)}."
            )
        fine = tf.math.is_finite(weights) & (weights >= 0)
        good &= tf.reduce_all(fine) & (tf.size(weights) == num_rows)
    if context is not None:
        context = tf.convert_to_tensor(context)
        shape = expected.context_shape
        kind = dtype if shape.rank or context.dtype.is_floating else context.dtype
        context = _cast_tensor(context, shape, kind, "the flow's contexts have")
        good &= _all_finite(context) & (tf.shape(context)[0] == num_rows)
    # One after the other, so that the first is told.
    passed = [tf.debugging.Assert(good, [_BAD_BATCH, number])]
    for what, values, integers in zip(
        ("points", "contexts"),
        given,
        (expected.integers, expected.context_integers),
        strict=True,
    ):
        if integers is not None:
            fine = tf.reduce_all(integers.contains(tf.convert_to_tensor(values)))
            wanted = f"The {what} must be {integers}"
            with tf.control_dependencies(passed):
                passed = [tf.debugging.Assert(fine, [_NO_INTEGERS, number, wanted])]
    with tf.control_dependencies(passed):
        x = tf.identity(x)
    return _batch(x, weights, context)


def _cast_tensor(x, shape: tf.TensorShape, dtype: tf.DType, owner: str) -> tf.Tensor:
    if isinstance(x, dict | list | tuple):
        raise TypeError(
            "Batches must be single tensors, but are structures of type "
            f"{type(x).__name__}."
        )
    x = tf.convert_to_tensor(x)
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
        raise TypeError(f"Batches must be real numbers, but are {x.dtype.name}.")
    if x.shape.rank is not None and not _fits(x.shape, shape):
        raise ValueError(
            f"Batches must have shape {_rows_of(shape)} ({owner} shape "
            f"{_one_of(shape)}), but have shape {tuple(x.shape)}."
        )
    if shape.rank is not None:  # What the stream does not tell, each batch must.
        rows_of = tf.TensorShape([None]).concatenate(shape)
        x = tf.ensure_shape(x, rows_of, name=_BAD_SHAPE)
    return tf.cast(x, dtype)


def _all_finite(x) -> tf.Tensor:
    return tf.reduce_all(tf.math.is_finite(x)) if x.dtype.is_floating else True


class _CheckedPyDataset(keras.utils.PyDataset):
    def __init__(self, dataset: keras.utils.PyDataset, expected: Expected):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self._dataset = dataset
        self._expected = expected

    @property
    def num_batches(self):
        return self._dataset.num_batches

    def __getitem__(self, index):
        return _checked_arrays(index, self._dataset[index], self._expected)

    def on_epoch_begin(self):
        self._dataset.on_epoch_begin()

    def on_epoch_end(self):
        self._dataset.on_epoch_end()


@contextmanager
def user_errors() -> Iterator[None]:
    """Turns what TensorFlow raises for a user's mistake into the error it is.

    Raises:
        TypeError: a batch that is not numbers.
        ValueError: a batch that is not finite or otherwise wrong; an operation that
            XLA cannot compile.
    """
    try:
        yield
    except tf.errors.OpError as error:
        text = str(error)
        if from_python := _PYTHON_ERROR.search(text):
            kind = {"ValueError": ValueError, "TypeError": TypeError}
            raise kind[from_python.group(1)](from_python.group(2)) from None
        if _BAD_SHAPE in text:
            found = re.search(r"(\[[\d,]*\]) is not .*?(\[[?\d,]*\])", text)
            came, wanted = found.groups()
            raise ValueError(
                f"Batches must have shape {wanted.replace('?', 'N')}, but one of the "
                f"stream has shape {came}."
            ) from None
        if _BAD_BATCH in text:
            number = re.search(re.escape(_BAD_BATCH) + r"\]? \[?(\d+)", text)
            raise ValueError(
                "Batches must have rows, finite entries, weights not negative, and as "
                "many weights and contexts as rows, but batch "
                f"{number.group(1) if number else '?'} of "
                "the stream is not so (or too large for the flow's dtype)."
            ) from None
        if _NO_INTEGERS in text:
            of_batch = re.escape(_NO_INTEGERS) + r"\]? \[?(\d+|\?)\]? \[?([^\]\n]+)"
            number, wanted = re.search(of_batch, text).groups()
            raise ValueError(
                f"{wanted}, but batch {number} of the stream has others."
            ) from None
        if "tf2xla conversion failed" in text:
            reason = next((t for t in text.splitlines() if "XLA" in t), text)
            raise ValueError(
                "XLA cannot compile an operation of this distribution: call "
                f"compile(jit_compile=False) before. TensorFlow says: {reason}"
            ) from None
        raise


def _fits(shape, one: tf.TensorShape) -> bool:
    return one.rank is None or (
        len(shape) == 1 + one.rank and one.is_compatible_with(shape[1:])
    )


def _rows_of(shape: tf.TensorShape) -> str:
    sizes = ["…"] if shape.rank is None else map(str, shape)
    return "[" + ", ".join(["N", *sizes]) + "]"


def _one_of(shape: tf.TensorShape) -> str:
    return "[…]" if shape.rank is None else str(tuple(shape))
