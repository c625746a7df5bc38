"""A batch of data, and what it must be."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfp_flows.distributions import Family
from tfp_flows.math.integers import IntegerRange, integers_of


class Batch(NamedTuple):
    """Rows of data: points, and perhaps a context and a weight for each.

    In memory they are arrays, in a training step tensors. What an objective does not
    ask for is ``None``.

    Args:
        x: the points, ``[N, *event_shape]``.
        context: the contexts, ``[N, …]``.
        weights: the weights, ``[N]``.
    """

    x: Any = None
    context: Any = None
    weights: Any = None


class BatchSpec(NamedTuple):
    """The shape and the kind that data must have.

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

    @classmethod
    def of_density(cls, family: Family, encoder: keras.Layer | None) -> "BatchSpec":
        """Ask for points, and for contexts if the density takes them."""
        size = None if encoder is not None else [family.context_size]
        return cls(
            family.event_shape,
            family.dtype,
            has_context=family.is_conditional,
            context_shape=tf.TensorShape(size if family.is_conditional else None),
            integers=integers_of(family.distribution),
            context_integers=_integers_of(encoder),
        )


def _integers_of(encoder) -> IntegerRange | None:
    """The integers that an encoder takes, if it or its first layer takes labels."""
    if isinstance(encoder, keras.Sequential):
        first = encoder.layers[:1]
    # Keras says which models are functional by nothing else that is public.
    elif len(inputs := getattr(encoder, "inputs", None) or []) == 1:
        first = [layer for layer in encoder.layers if _sees(layer, inputs[0])]
    else:
        return integers_of(encoder)
    ranges = [integers for layer in first if (integers := _integers_of(layer))]
    return ranges[0] if ranges else None


def _sees(layer: keras.Layer, tensor) -> bool:
    """Tell whether a layer of a functional model is given its input."""
    if isinstance(layer, keras.layers.InputLayer):
        return False
    try:
        return layer.input is tensor
    except (AttributeError, ValueError):  # It is called several times.
        return False
