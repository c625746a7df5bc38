"""Checks of the arguments of `Dequantized`, and its map to the flow's side."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Bound
from tfp_flows.distributions.family import Family
from tfp_flows.math.integers import IntegerRange


def check_flow(flow: Any, where: str) -> None:
    """Refuse anything but a density of single tensors of a known shape."""
    if isinstance(flow, Family):
        raise TypeError(
            f"{where} takes a flow without a context; that of integers given a context "
            "is Family(Dequantized(conditional.distribution, …)), where conditional "
            f"is the Family that it got, {flow.name!r}."
        )
    if not isinstance(flow, tfd.Distribution):
        raise TypeError(
            f"{where} takes a tfd.Distribution, but got {type(flow).__name__}."
        )
    if not isinstance(flow.dtype, tf.DType) or not flow.dtype.is_floating:
        raise TypeError(
            f"{where}: the flow's dtype must be floating, but got {flow.dtype}."
        )
    if not flow.event_shape.is_fully_defined():
        raise ValueError(
            f"{where}: the flow's event shape must be known, but got "
            f"{flow.event_shape}."
        )


def checked_range(
    low: Any, high: Any, flow: tfd.Distribution, where: str
) -> IntegerRange:
    """Give the integers from low to high, if the flow's dtype has them, and the noise.

    Raises:
        TypeError, ValueError: what `Dequantized` raises.
    """
    integers = IntegerRange(low, high, where)
    try:
        np.broadcast_to(integers.count, flow.event_shape)
    except ValueError as error:
        raise ValueError(
            f"{where}: low and high must be numbers or have the event shape "
            f"{flow.event_shape}, but got the shapes {integers.low.shape} and "
            f"{integers.high.shape}."
        ) from error
    info = np.finfo(flow.dtype.as_numpy_dtype)
    largest = max(np.abs(integers.low).max(), np.abs(integers.high).max())
    # Of the noise on the last of the integers four bits remain, at least.
    if largest > 1.0 / info.eps or integers.count.max() > 0.125 / info.eps:
        raise ValueError(
            f"{where}: {integers} are too many, or too large, for {flow.dtype.name}, "
            f"which takes {0.125 / info.eps:.0f} of them, and none beyond "
            f"{1.0 / info.eps:.0f}: use float64, or fewer."
        )
    return integers


def check_noise(noise: Any, flow: tfd.Distribution, where: str) -> None:
    """Refuses noise that does not fit the flow."""
    if not isinstance(noise, Family) or not noise.is_conditional:
        raise TypeError(
            f"{where}: the noise must be a conditional Family, whose context is x, or "
            f"None for uniform noise, but got {noise!r}."
        )
    if noise.dtype != flow.dtype:
        raise TypeError(
            f"{where}: the flow is {flow.dtype.name}, but the noise is "
            f"{noise.dtype.name}."
        )
    if noise.event_shape != flow.event_shape:
        raise ValueError(
            f"{where}: the events of the flow have shape {flow.event_shape}, but those "
            f"of the noise {noise.event_shape}."
        )
    size = flow.event_shape.num_elements()
    if noise.context_size != size:
        raise ValueError(
            f"{where}: the context of the noise is x, {size} numbers, but its "
            f"context_size is {noise.context_size}."
        )
    if noise.distribution.reparameterization_type != tfd.FULLY_REPARAMETERIZED:
        raise ValueError(
            f"{where}: the samples of the noise {noise.name!r} have no gradients (they "
            "are not reparameterized), so that it could not be trained."
        )


def make_scaling(
    size: np.ndarray, alpha: float | None, dtype: tf.DType, where: str
) -> tfb.Bijector:
    """The map of each number from the flow's side to the interval from 0 to ``size``.

    Raises:
        TypeError, ValueError: an α that is no number from 0 to ½.
    """
    size = tf.constant(size, dtype)
    if alpha is None:
        return tfb.Chain([tfb.Shift(0.5 * size), tfb.Scale(size / math.sqrt(12.0))])
    try:
        return Bound(tf.zeros([], dtype), size, alpha)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from error


def checked_values(
    x: Any,
    integers: IntegerRange,
    flow: tfd.Distribution,
    validate_args: bool,
    where: str,
) -> tf.Tensor:
    """Values in the flow's dtype; in a graph they are checked if they are to be.

    Raises:
        ValueError: of another shape, or not among the integers.
    """
    x = tf.cast(x, flow.dtype)
    event = flow.event_shape
    if not event.is_compatible_with(x.shape[x.shape.rank - event.rank :]):
        raise ValueError(
            f"{where}: events have shape {event}, but x has shape {tuple(x.shape)}."
        )
    values = tf.get_static_value(x)
    if values is not None:
        integers.require(values, f"{where}: x")
    elif validate_args:
        good = tf.reduce_all(integers.contains(x))
        message = f"{where}: x must be {integers}."
        with tf.control_dependencies([tf.debugging.Assert(good, [message])]):
            return tf.identity(x)
    return x
