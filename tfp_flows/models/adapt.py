"""Layers that start from data, given their data before training."""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.data_paths import DataPath, StartsFromData
from tfp_flows.distributions import Family
from tfp_flows.distributions.contexts import with_context
from tfp_flows.models import data
from tfp_flows.objectives import Batch

_BATCH_SIZE = 1024


def adapt_layers(
    family: Family,
    rows: Any,
    *,
    num_batches: int | None = None,
    encode: Callable,
    then: Callable[[], None] = lambda: None,
) -> None:
    """Adapt each layer that has not been, from the data towards the base.

    Each gets the data as they arrive at it: brought back, batch by batch, through the
    layers that are nearer to the data. Data in memory go once through each layer; a
    stream is read anew for each layer to adapt, and goes through all that are nearer.
    If a layer fails, or what comes then, all are as before.

    Args:
        family: any; its ``data_paths`` tell which layer sees which data.
        rows: checked data, as `FlowModel` hands them to Keras: a `Batch` of rows, a
            dataset, a ``PyDataset`` or a generator; ``None`` if there are none.
        num_batches: to read of a stream that is endless, or may be.
        encode: called as ``encode(context, training)``, gives the context that the
            layers take.
        then: called when all are adapted, to refuse the data after all.

    Raises:
        ValueError: a layer waits for data where they cannot be brought to it; a
            stream that cannot be read twice, or that does not end; what ``adapt`` of a
            layer raises.
        TypeError: what ``adapt`` of a layer raises.
    """
    waiting = [part for part in family.submodules if _is_waiting(part)]
    if not waiting:
        then()
        return
    paths = [
        path.after(lambda number, x, context: (x, encode(context, False)))
        for path in family.data_paths()
    ]
    _require_reachable(waiting, paths)
    source = _readable_again(rows, num_batches, ", ".join(map(_label, waiting)))
    before = [(v, v.read_value()) for part in waiting for v in part.variables]
    adapt = _adapt_to_rows if isinstance(source, Batch) else _adapt_to_stream
    try:
        for path in paths:
            adapt(path, source)
        then()
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise


def _require_reachable(waiting: list, paths: list[DataPath]) -> None:
    layers = [layer for path in paths for layer in path.layers if _is_waiting(layer)]
    # A layer adapts what it holds, too.
    fed = {id(part) for layer in layers for part in (layer, *layer.submodules)}
    for part in waiting:
        if id(part) not in fed:
            raise ValueError(
                f"{_label(part)} starts from data, but stands where fit cannot bring "
                "them to it: inverted, or inside another bijector or distribution. "
                "Call its adapt(data) before fit."
            )


def _adapt_to_rows(path: DataPath, rows: Batch) -> None:
    batches = []
    for number, start in enumerate(range(0, len(rows.x), _BATCH_SIZE)):
        part = slice(start, start + _BATCH_SIZE)
        context = None if rows.context is None else tf.constant(rows.context[part])
        batches.append(path.start(number, tf.constant(rows.x[part]), context))
    options = {} if rows.weights is None else {"sample_weight": rows.weights}
    nearer = 0  # The number of layers that the points have come through.
    for i, layer in enumerate(path.layers):
        if _is_waiting(layer):
            between, nearer = path.layers[nearer:i], i
            batches = [(_back(between, *batch), batch[1]) for batch in batches]
            if options:
                _require_weighted(layer)
            layer.adapt(np.concatenate([x for x, _ in batches]), **options)


def _adapt_to_stream(path: DataPath, read: Callable) -> None:
    for i, layer in enumerate(path.layers):
        if _is_waiting(layer):
            # Not `Dataset.map`, whose graph runs on the CPU and sees no variable of a
            # GPU.
            batches = functools.partial(_brought_back, read, path, i)
            if next(iter(read())).weights is not None:
                _require_weighted(layer)
                layer.adapt((x, None, weights) for x, weights in batches())
                continue
            signature = tf.TensorSpec(shape=None, dtype=path.dtype)
            layer.adapt(
                tf.data.Dataset.from_generator(
                    lambda batches=batches: (x for x, _ in batches()),
                    output_signature=signature,
                )
            )


def _brought_back(read: Callable, path: DataPath, depth: int) -> Iterator[tuple]:
    for number, batch in enumerate(read()):
        start = path.start(number, batch.x, batch.context)
        yield _back(path.layers[:depth], *start), batch.weights


def _require_weighted(layer) -> None:
    if "sample_weight" not in inspect.signature(layer.adapt).parameters:
        raise ValueError(
            f"{_label(layer)} starts from data, but its adapt takes no sample_weight: "
            "give it that argument, or call adapt(data) before fit."
        )


def _back(layers: list, x, context) -> tf.Tensor:
    """Bring points through layers that lie between the base and the data."""
    for layer in layers:
        conditioned = layer if context is None else with_context(layer, context)
        x = conditioned.inverse(x)
    return x


def _is_waiting(part) -> bool:
    return isinstance(part, StartsFromData) and not part.adapted


def _label(part) -> str:
    return f"{type(part).__name__} {part.name!r}"


def _readable_again(x, num_batches: int | None, who: str):
    """Give data in memory, or a function that reads a stream's batches anew."""
    if x is None:
        raise ValueError(
            f"{who} must see data before training, but the objective needs none: call "
            "the model's adapt(x) before fit."
        )
    if isinstance(x, Batch):
        return x
    if isinstance(x, tf.data.Dataset):
        if x.cardinality() < 0 and num_batches is not None:  # Endless, or unknown.
            x = x.take(num_batches)
        if x.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise _endless(who)
        return lambda: (data.unpack(batch) for batch in x)
    if isinstance(x, keras.utils.PyDataset):
        count = x.num_batches or num_batches
        if count is None:
            raise _endless(who)
        return lambda: (data.unpack(x[i]) for i in range(count))
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
