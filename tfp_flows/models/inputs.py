"""From what a user gives to `FlowModel.fit` and its like to what Keras is given."""

import keras
import tensorflow as tf

from tfp_flows.distributions import ConditionalFlow
from tfp_flows.models import data

TRAINING_BATCH_SIZE = 32  # Keras's own.
# Only what the results do not depend on: rows at once in `evaluate` and `predict`.
INFERENCE_BATCH_SIZE = 1024


def checked(x, y, sample_weight, name: str, *, distribution, encoder=None):
    """What a user gives, as `data.Rows` or as a stream that checks itself.

    Args:
        x: points, or for a conditional flow contexts; in memory, or a stream.
        y: points for a conditional flow, else ``None``.
        sample_weight: of data in memory.
        name: what an error calls the data.
        distribution: that the points are for.
        encoder: of the contexts, or ``None``.

    Raises:
        TypeError, ValueError: as `FlowModel.fit`.
    """
    is_conditional = isinstance(distribution, ConditionalFlow)
    flow = distribution.flow if is_conditional else distribution
    expected = data.Expected(
        flow.event_shape, flow.dtype, integers=getattr(flow, "integers", None)
    )
    points, context = x, None
    if is_conditional:
        size = None if encoder is not None else [distribution.context_size]
        expected = expected._replace(
            has_context=True,
            context_shape=tf.TensorShape(size),
            context_integers=_integers_of(encoder),
        )
        points, context = y, x
    elif y is not None:
        raise ValueError(
            "A flow without a context has no targets: call fit(x), and give "
            "validation_data as x or (x, None, sample_weight)."
        )
    if is_conditional and data.is_stream(y):
        raise ValueError(
            f"{name}: a stream yields (context, x); give it in place of the two."
        )
    if data.is_stream(x):
        if sample_weight is not None or (is_conditional and y is not None):
            raise ValueError(
                f"{name} is a stream ({type(x).__name__}), so that its points and "
                "weights come with it: yield "
                + ("(context, x" if is_conditional else "(x, None")
                + ", sample_weight)."
            )
        return data.checked_stream(x, expected=expected)
    if is_conditional and y is None:
        raise ValueError(
            f"{name}: {distribution.name!r} is conditional and needs a context for "
            "each point: call fit(context, x), evaluate(context, x), and give "
            "validation_data=(context, x)."
        )
    return data.checked_rows(
        points, sample_weight, context, expected=expected, name=name
    )


def _integers_of(encoder):
    """What an encoder takes, if it is of class labels or begins with one that is."""
    if isinstance(encoder, keras.Sequential):
        first = encoder.layers[:1]
    elif len(inputs := getattr(encoder, "inputs", None) or []) == 1:
        first = [layer for layer in encoder.layers if _sees(layer, inputs[0])]
    else:
        return getattr(encoder, "integers", None)
    found = [integers for layer in first if (integers := _integers_of(layer))]
    return found[0] if found else None


def _sees(layer: keras.Layer, tensor) -> bool:
    """Whether a layer of a functional model is given its input."""
    if isinstance(layer, keras.layers.InputLayer):
        return False
    try:
        return layer.input is tensor
    except (AttributeError, ValueError):  # It is called several times.
        return False


def pair(inputs):
    """A context and points, the two inputs of a conditional model.

    Raises:
        ValueError: something else.
    """
    if not isinstance(inputs, tuple | list) or len(inputs) != 2:
        raise ValueError(
            "A conditional flow is called with a pair, model((context, x)), but got "
            f"{type(inputs).__name__}."
        )
    return inputs


def batches(rows, batch_size: int | None, default: int, shuffle_seed=None):
    """Batches as Keras takes them; a stream, or nothing, as it is.

    Args:
        rows: checked.
        batch_size: of data in memory.
        default: the batch size if it is ``None``.
        shuffle_seed: as for `data.batches`.
    """
    if not isinstance(rows, data.Rows):  # A stream has batches already.
        return rows
    # Not by truth, which would take 0 for "not given".
    size = default if batch_size is None else batch_size
    return data.batches(rows, size, shuffle_seed=shuffle_seed)
