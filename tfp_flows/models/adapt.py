"""Layers that start from data, given their data before training.

The protocol: a bijector with a method ``adapt(data)``, which takes an array ``[N, D]``
or a ``tf.data.Dataset`` of such batches, at the bijector's data side; and a property
``adapted``, true once that has been done, or once weights that knew it were loaded.
"""

from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.models import data
from tfp_flows.stages import is_a, stages

_ROWS_AT_ONCE = 1024


def adapt_layers(
    distribution: tfd.Distribution, x, *, num_batches: int | None = None
) -> None:
    """Adapts each layer that has not been, from the data towards the base.

    Each gets the data as they arrive at it: brought back, batch by batch, through the
    layers that are nearer to the data. Data in memory are brought back once; a stream
    is read anew for each layer to adapt.

    Args:
        distribution: any; its layers are those of `tfd.TransformedDistribution`s
            around its base, chains taken apart.
        x: checked data, as `FlowModel` hands them to Keras: `data.Rows`, a dataset, a
            ``PyDataset`` or a generator.
        num_batches: to read of a stream that is endless, or may be.

    Raises:
        ValueError: a layer waits for data where they cannot be brought to it; a
            stream that cannot be read twice, or that does not end; what ``adapt`` of a
            layer raises.
        TypeError: as ``adapt``.
    """
    waiting = [part for part in distribution.submodules if _is_waiting(part)]
    if not waiting:
        return
    layers = list(_from_data_to_base(distribution))
    for part in waiting:
        if not any(part is layer for layer in layers):
            raise ValueError(
                f"{_label(part)} starts from data, but stands where fit cannot bring "
                "them to it: inverted, or inside another bijector or distribution. "
                "Call its adapt(data) before fit."
            )
    who = ", ".join(map(_label, waiting))
    x = _readable_again(x, num_batches, distribution.dtype, who)
    nearer = []
    for layer in layers:
        if _is_waiting(layer):
            x, nearer = _brought_back(x, nearer), []
            layer.adapt(x)
        nearer.append(layer)


def _is_waiting(part) -> bool:
    return callable(getattr(part, "adapt", None)) and not getattr(part, "adapted", True)


def _label(part) -> str:
    return f"{type(part).__name__} {part.name!r}"


def _from_data_to_base(distribution) -> Iterator[tfb.Bijector]:
    while is_a(distribution, tfd.TransformedDistribution):
        distribution, bijectors = stages(distribution)
        yield from reversed(bijectors)


def _readable_again(x, num_batches: int | None, dtype: tf.DType, who: str):
    """An array, or a dataset of batches that ends and can be read more than once."""
    if isinstance(x, data.Rows):
        return x.x
    if isinstance(x, tf.data.Dataset):
        if x.cardinality() < 0 and num_batches is not None:  # Endless, or unknown.
            x = x.take(num_batches)
        if x.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise _endless(who)
        return x.map(
            tf.autograph.experimental.do_not_convert(lambda points, *weights: points)
        )
    if isinstance(x, keras.utils.PyDataset):
        count = x.num_batches or num_batches
        if count is None:
            raise _endless(who)
        return _dataset(lambda: (x[i][0] for i in range(count)), dtype)
    raise ValueError(
        f"{who} must see the data before training, but x is a stream that can be read "
        "only once: call adapt(data) before fit."
    )


def _endless(who: str) -> ValueError:
    return ValueError(
        f"{who} must see the data before training, but x does not end: give "
        "steps_per_epoch, and that many batches are read, or call adapt(data) before "
        "fit."
    )


def _brought_back(x, layers: list[tfb.Bijector]):
    """The data as they are on the base's side of ``layers``."""

    def back(batch):
        for layer in layers:
            batch = layer.inverse(batch)
        return batch

    if not layers:
        return x
    if isinstance(x, np.ndarray):
        starts = range(0, len(x), _ROWS_AT_ONCE)
        parts = [back(tf.constant(x[i : i + _ROWS_AT_ONCE])) for i in starts]
        return np.concatenate(parts)
    # Not `x.map`, whose graph runs on the CPU and sees no variable of a GPU.
    return _dataset(lambda: map(back, x), x.element_spec.dtype)


def _dataset(batches: Callable[[], Iterable], dtype: tf.DType) -> tf.data.Dataset:
    signature = tf.TensorSpec(shape=None, dtype=dtype)
    return tf.data.Dataset.from_generator(batches, output_signature=signature)
