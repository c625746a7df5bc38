"""The parameters of any bijector as unconstrained numbers."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb


def unconstrained_parameters(
    bijector: tfb.Bijector, where: str
) -> dict[str, tuple[Callable[[], tf.Tensor], tfb.Bijector]]:
    """Give for each tensor parameter a function that gives g⁻¹(θ₀), and g.

    θ₀ is the parameter's value and g the map from real numbers to its domain. The names
    are sorted. The value is asked for anew at each call, for it may be trained.

    Raises:
        ValueError: a bijector without parameters, or with a batch shape.
    """
    starts: dict[str, tuple[Callable[[], tf.Tensor], tfb.Bijector]] = {}
    dtype = bijector.dtype or tf.float32
    for name, properties in sorted(bijector.parameter_properties(dtype).items()):
        value = getattr(bijector, name, bijector.parameters.get(name))
        if isinstance(value, tfp.util.TransformedVariable):
            start = functools.partial(tf.identity, value.pretransformed_input)
            starts[name] = start, value.bijector
        elif _is_floating(value):
            g = properties.default_constraining_bijector_fn()
            starts[name] = functools.partial(_unconstrained, value, g), g
    if not starts:
        raise ValueError(
            f"{where}: {type(bijector).__name__} {bijector.name!r} has no tensor "
            "parameters of its own that could depend on a context."
        )
    batch = bijector.experimental_batch_shape()
    # The dimensions are the batch shape of a bijector that acts on each of them.
    if batch.rank is None or batch.rank > (bijector.forward_min_event_ndims == 0):
        raise ValueError(
            f"{where}: the batch shape comes from the context, but got "
            f"{type(bijector).__name__} {bijector.name!r} of the batch shape "
            f"{tuple(batch)}."
        )
    return starts


def _unconstrained(value, constrain) -> tf.Tensor:
    return constrain.inverse(tf.convert_to_tensor(value))


def _is_floating(value) -> bool:
    tensors = float | np.ndarray | tf.Tensor | tf.Variable | tfp.util.DeferredTensor
    return isinstance(value, tensors) and (
        isinstance(value, float) or tf.as_dtype(value.dtype).is_floating
    )
