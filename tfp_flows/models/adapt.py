"""Layers that start from data, given their data before training.

The protocol: a bijector with a method ``adapt(data)``, which takes an array ``[N, D]``
or a ``tf.data.Dataset`` of such batches, at the bijector's data side; and a property
``adapted``, true once that has been done, or once weights that knew it were loaded.
"""

import functools
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Conditional, MultiScale
from tfp_flows.distributions import ConditionalFlow, Dequantized
from tfp_flows.distributions.conditional_flow import with_context
from tfp_flows.models import data
from tfp_flows.stages import is_a, stages

_ROWS_AT_ONCE = 1024


def adapt_layers(
    distribution: tfd.Distribution | ConditionalFlow,
    x,
    *,
    num_batches: int | None = None,
    encoder: Callable | None = None,
) -> None:
    """Adapts each layer that has not been, from the data towards the base.

    Each gets the data as they arrive at it: brought back, batch by batch, through the
    layers that are nearer to the data. Data in memory go once through each layer; a
    stream is read anew for each layer to adapt, and goes through all that are nearer.
    If a layer fails, all are as before.

    Args:
        distribution: any; its layers are those of `tfd.TransformedDistribution`s
            around its base, chains taken apart. Those of a `Dequantized` see points
            that noise has made of the integers, and those of its noise the uniform
            noise, with which a flow of noise starts.
        x: checked data, as `FlowModel` hands them to Keras: `data.Rows`, a dataset, a
            ``PyDataset`` or a generator.
        num_batches: to read of a stream that is endless, or may be.
        encoder: of the contexts of a conditional flow, if they need one.

    Raises:
        ValueError: a layer waits for data where they cannot be brought to it; a
            stream that cannot be read twice, or that does not end; what ``adapt`` of a
            layer raises.
        TypeError: as ``adapt``.
    """
    waiting = [part for part in distribution.submodules if _is_waiting(part)]
    if not waiting:
        return
    targets = _targets(distribution, encoder)
    paths = [_layers(flow) for flow, _ in targets]
    reached = {
        id(part)
        for layers in paths
        for layer in filter(_is_waiting, layers)
        for part in _own(layer)
    }
    for part in waiting:
        if id(part) not in reached:
            raise ValueError(
                f"{_label(part)} starts from data, but stands where fit cannot bring "
                "them to it: inverted, or inside another bijector or distribution. "
                "Call its adapt(data) before fit."
            )
    who = ", ".join(map(_label, waiting))
    parts = _readable_again(x, num_batches, who)
    before = [(v, v.read_value()) for part in waiting for v in part.variables]
    try:
        for (flow, points_of), layers in zip(targets, paths, strict=True):
            if isinstance(parts, data.Rows):
                _adapt_to_rows(layers, parts, points_of)
            else:
                _adapt_to_stream(layers, parts, points_of, flow.dtype)
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise


def _adapt_to_rows(layers: list, rows: data.Rows, points_of: Callable) -> None:
    columns = [c for c in (rows.x, rows.context) if c is not None]
    starts = range(0, len(rows.x), _ROWS_AT_ONCE)
    batches = [
        points_of(i, *(tf.constant(c[start : start + _ROWS_AT_ONCE]) for c in columns))
        for i, start in enumerate(starts)
    ]
    nearer = 0  # Than what the points have come to.
    for i, layer in enumerate(layers):
        if _is_waiting(layer):
            path, nearer = layers[nearer:i], i
            batches = [(_back(path, *batch), batch[1]) for batch in batches]
            layer.adapt(np.concatenate([x for x, _ in batches]))


def _adapt_to_stream(layers: list, read, points_of: Callable, dtype) -> None:
    for i, layer in enumerate(layers):
        if _is_waiting(layer):
            # Not `Dataset.map`, whose graph runs on the CPU and sees no variable of a
            # GPU.
            batches = functools.partial(_brought_back, read, points_of, layers[:i])
            signature = tf.TensorSpec(shape=None, dtype=dtype)
            layer.adapt(
                tf.data.Dataset.from_generator(batches, output_signature=signature)
            )


def _brought_back(read, points_of: Callable, layers: list) -> Iterator[tf.Tensor]:
    for number, batch in enumerate(read()):
        yield _back(layers, *points_of(number, *batch))


def _back(layers: list, x, context) -> tf.Tensor:
    """The points on the base's side of layers that lie between it and the data."""
    for layer in layers:
        own = layer if context is None else with_context(layer, context)
        x = own.inverse(x)
    return x


def _targets(distribution, encoder: Callable | None) -> list[tuple]:
    """The flows whose layers may start from data, in the order of adapting.

    Each with a function that makes of a batch (its number, the points and perhaps the
    contexts) the points and the context, or ``None``, that this flow sees.
    """
    is_conditional = isinstance(distribution, ConditionalFlow)
    outer = distribution.flow if is_conditional else distribution

    def encoded(context):
        if context is None:
            return None
        context = context if encoder is None else encoder(context, training=False)
        return tf.cast(context, outer.dtype)

    if not isinstance(outer, Dequantized):
        return [(outer, lambda number, x, context=None: (x, encoded(context)))]

    # By the number, so that all layers see the same draw of the noise.
    def continuous(number, x, context=None):
        return outer.continuous(x, [0, number]), encoded(context)

    def noise(number, x, context=None):
        return outer.uniform_noise(x, [1, number])

    found = [(outer.flow, continuous)]
    return found if outer.noise is None else [(outer.noise.flow, noise), *found]


def _layers(flow) -> list:
    """From the data towards the base."""
    is_flow = is_a(flow, tfd.TransformedDistribution)
    return _path(stages(flow)[1][::-1]) if is_flow else []


def _is_waiting(part) -> bool:
    return callable(getattr(part, "adapt", None)) and not getattr(part, "adapted", True)


def _path(layers) -> list:
    """The layers, from the data on, and those within a `MultiScale`."""
    found = []
    for layer in layers:
        found += layer.path() if isinstance(layer, MultiScale) else [layer]
    return found


def _own(layer) -> list:
    """The layer, and what it adapts if it is adapted."""
    return [layer, *layer.submodules] if isinstance(layer, Conditional) else [layer]


def _label(part) -> str:
    return f"{type(part).__name__} {part.name!r}"


def _readable_again(x, num_batches: int | None, who: str):
    """Data in memory, or a function that reads the batches of a stream from its start.

    Each batch is a tuple: the points, and a context if the flow takes one.
    """
    if isinstance(x, data.Rows):
        return x
    if isinstance(x, tf.data.Dataset):
        if x.cardinality() < 0 and num_batches is not None:  # Endless, or unknown.
            x = x.take(num_batches)
        if x.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise _endless(who)
        return lambda: map(_parts, x)
    if isinstance(x, keras.utils.PyDataset):
        count = x.num_batches or num_batches
        if count is None:
            raise _endless(who)
        return lambda: (_parts(x[i]) for i in range(count))
    raise ValueError(
        f"{who} must see the data before training, but x is a stream that can be read "
        "only once: call adapt(data) before fit."
    )


def _parts(batch) -> tuple:
    """The points and perhaps the contexts, of a batch as `data` gives it to Keras."""
    inputs = batch[0]
    return inputs[::-1] if isinstance(inputs, tuple) else (inputs,)


def _endless(who: str) -> ValueError:
    return ValueError(
        f"{who} must see the data before training, but x does not end: give "
        "steps_per_epoch, and that many batches are read, or call adapt(data) before "
        "fit."
    )
