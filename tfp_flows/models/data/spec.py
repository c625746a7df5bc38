"""The form of a batch, its dtypes, its shapes in words, for rows and streams."""

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.objectives import Batch, BatchSpec

PAIRS = "give (context, x) or (context, x, sample_weight), a context for each point."
EVENTS = "the flow's events have"
CONTEXTS = "the flow's contexts have"


def is_stream(x: Any) -> bool:
    """Tell whether ``x`` yields batches, as a dataset or a generator does."""
    return isinstance(x, tf.data.Dataset | keras.utils.PyDataset | Iterator)


def pack(batch: Batch) -> tuple[dict]:
    """Make of a batch what Keras takes.

    Keras passes no ``None`` to replicas, nor through a PyDataset: what is missing has
    no entry.
    """
    return ({k: v for k, v in batch._asdict().items() if v is not None},)


def unpack(data: tuple) -> Batch:
    """Give the batch that `pack` was given; an empty one where no data are needed."""
    return Batch(**data[0]) if isinstance(data[0], dict) else Batch()


def as_keras_input(batch: Batch | None) -> Any:
    """Make the first argument of Keras's ``train_on_batch`` for one batch in memory."""
    # Keras wants some tensor where no data are needed.
    return (
        tf.constant(0)
        if batch is None
        else tf.nest.map_structure(tf.constant, pack(batch)[0])
    )


def weight_dtype(spec: BatchSpec) -> tf.DType:
    """The dtype of the weights of rows."""
    return spec.dtype if spec.dtype.is_floating else tf.float32


def context_dtype(spec: BatchSpec, dtype: tf.DType) -> tf.DType:
    """The dtype of contexts that came with ``dtype``.

    An encoder may take whole numbers, such as the words of a text.
    """
    is_for_the_flow = spec.context_shape.rank is not None
    return spec.dtype if is_for_the_flow or dtype.is_floating else dtype


def fits(shape: Any, row_shape: tf.TensorShape) -> bool:
    """Tell whether ``shape`` is that of rows of ``row_shape``."""
    return row_shape.rank is None or (
        len(shape) == 1 + row_shape.rank and row_shape.is_compatible_with(shape[1:])
    )


def in_words(row_shape: tf.TensorShape, owner: str) -> str:
    """Say the shape of rows, and why it is expected, for a message.

    >>> in_words(tf.TensorShape([2]), EVENTS)
    "shape [N, 2] (the flow's events have shape (2,))"
    """
    if row_shape.rank is None:
        return f"shape [N, …] ({owner} shape […])"
    sizes = ", ".join(["N", *map(str, row_shape)])
    return f"shape [{sizes}] ({owner} shape {tuple(row_shape)})"
