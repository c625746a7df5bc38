"""Streams of batches, cast and checked when a batch arrives."""

import functools
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.models.data import errors
from tfp_flows.models.data import spec as specs
from tfp_flows.models.data.rows import checked_rows, shared_by_rows
from tfp_flows.models.data.spec import pack
from tfp_flows.objectives import Batch, BatchSpec

_SHARD = tf.data.experimental.AutoShardPolicy


def checked_stream(stream: Any, *, spec: BatchSpec) -> Any:
    """Give a stream whose batches are cast and checked when they arrive.

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
            functools.partial(_checked_tensors, spec=spec)
        )
        policy = stream.options().experimental_distribute.auto_shard_policy
        if policy == _SHARD.FILE:  # TensorFlow finds the files through no counter.
            return stream.map(lambda *batch: check("?", batch))
        checked = stream.enumerate().map(check)
        return shared_by_rows(checked) if policy == _SHARD.AUTO else checked
    if isinstance(stream, keras.utils.PyDataset):
        return _CheckedPyDataset(stream, spec)
    return (_checked_arrays(*item, spec) for item in enumerate(stream))


def _from_user(batch, where: str, spec: BatchSpec) -> Batch:
    """Make a `Batch` of what the user yields."""
    x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
    if spec.has_context:
        if y is None:
            raise ValueError(f"{where} has no context: {specs.PAIRS}")
        return Batch(y, x, weights)
    if y is not None:
        raise ValueError(
            f"{where} is a pair (x, y), but a flow without a context has no targets: "
            "yield x, (x,) or (x, None, sample_weight)."
        )
    return Batch(x, None, weights)


def _checked_arrays(number: int, batch, spec: BatchSpec) -> tuple[dict]:
    name = f"batch {number} of the stream"
    return pack(checked_rows(*_from_user(batch, name, spec), spec=spec, name=name))


def _checked_tensors(number, batch, *, spec: BatchSpec) -> tuple[dict]:
    raw = _without_dropped(_from_user(batch, "a batch of the stream", spec))
    x = _cast(raw.x, spec.event_shape, spec.dtype, specs.EVENTS)
    num_rows = tf.shape(x)[0]
    good = [num_rows > 0, _all_finite(x)]
    weights, context = raw.weights, raw.context
    if weights is not None:
        weights = _cast_weights(weights, specs.weight_dtype(spec))
        good.append(tf.reduce_all(tf.math.is_finite(weights) & (weights >= 0)))
        good.append(tf.size(weights) == num_rows)
    if context is not None:
        context = tf.convert_to_tensor(context)
        dtype = specs.context_dtype(spec, context.dtype)
        context = _cast(context, spec.context_shape, dtype, specs.CONTEXTS)
        good += [_all_finite(context), tf.shape(context)[0] == num_rows]
    # One after the other, so that the first is told.
    passed = [errors.assert_batch(tf.reduce_all(good), number)]
    for what, values, integers in (
        ("points", raw.x, spec.integers),
        ("contexts", raw.context, spec.context_integers),
    ):
        if integers is not None:
            with tf.control_dependencies(passed):
                passed = [errors.assert_integers(values, integers, what, number)]
    with tf.control_dependencies(passed):
        return pack(Batch(tf.identity(x), context, weights))


def _without_dropped(batch: Batch) -> Batch:
    """The batch with another row in the place of those of weight 0, as of arrays."""
    if batch.weights is None:
        return batch
    weights = tf.reshape(tf.convert_to_tensor(batch.weights), [-1])

    def replaced(rows):
        first = tf.argmax(weights != 0, output_type=tf.int32)
        own = tf.range(tf.size(weights))
        return tf.gather(rows, tf.where(weights == 0, first, own))

    def kept(rows):
        if rows is None or isinstance(rows, dict | list | tuple):
            return rows
        rows = tf.convert_to_tensor(rows)
        if rows.shape.rank == 0:
            return rows
        # Weights that do not fit the rows are refused later.
        fits = tf.shape(rows)[0] == tf.size(weights)
        result = tf.cond(fits, lambda: replaced(rows), lambda: rows)
        result.set_shape(rows.shape)
        return result

    return batch._replace(x=kept(batch.x), context=kept(batch.context))


def _cast(x, shape: tf.TensorShape, dtype: tf.DType, owner: str) -> tf.Tensor:
    if isinstance(x, dict | list | tuple):
        raise TypeError(
            "Batches must be single tensors, but are structures of type "
            f"{type(x).__name__}."
        )
    x = tf.convert_to_tensor(x)
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
        raise TypeError(f"Batches must be real numbers, but are {x.dtype.name}.")
    if x.shape.rank is not None and not specs.fits(x.shape, shape):
        raise ValueError(
            f"Batches must have {specs.in_words(shape, owner)}, but have shape "
            f"{tuple(x.shape)}."
        )
    if shape.rank is not None:  # What the stream does not tell, each batch must.
        x = errors.ensure_shape(x, tf.TensorShape([None]).concatenate(shape))
    return tf.cast(x, dtype)


def _cast_weights(weights, dtype: tf.DType) -> tf.Tensor:
    weights = tf.cast(weights, dtype)
    if weights.shape.rank not in (None, 1):
        raise ValueError(
            "The weights of a batch must have shape [N], a weight for each row, "
            f"but have shape {tuple(weights.shape)}."
        )
    return weights


def _all_finite(x) -> tf.Tensor:
    is_floating = x.dtype.is_floating
    return tf.reduce_all(tf.math.is_finite(x)) if is_floating else tf.constant(True)


class _CheckedPyDataset(keras.utils.PyDataset):
    def __init__(self, dataset: keras.utils.PyDataset, spec: BatchSpec):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self._dataset = dataset
        self._spec = spec

    @property
    def num_batches(self):
        return self._dataset.num_batches

    def __getitem__(self, index):
        return _checked_arrays(index, self._dataset[index], self._spec)

    def on_epoch_begin(self):
        self._dataset.on_epoch_begin()

    def on_epoch_end(self):
        self._dataset.on_epoch_end()
