"""Checks of what a `FlowModel` is made of."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.distributions import Family


def checked_family(distribution: Any) -> Family:
    """Give the family that a model trains.

    Raises:
        TypeError: neither a distribution nor a family.
        ValueError: events of several tensors, or a batch shape.
    """
    if not isinstance(distribution, tfd.Distribution | Family):
        raise TypeError(
            "FlowModel takes a tfd.Distribution, but got "
            f"{type(distribution).__name__}; a bijector becomes one by "
            "tfp_flows.distributions.Flow(base, bijector)."
        )
    family = Family.wrap(distribution)
    if not isinstance(family.event_shape, tf.TensorShape):
        raise ValueError(
            f"FlowModel trains a density of single tensors, but the events of "
            f"{family.name!r} are a structure of tensors, of shapes "
            f"{family.event_shape}."
        )
    batch_shape = family.distribution.batch_shape
    if batch_shape.rank != 0:
        raise ValueError(
            f"FlowModel trains one density, but {family.name!r} has batch "
            f"shape {batch_shape} and event shape {family.event_shape}; "
            "tfd.Independent makes batch dimensions part of the event."
        )
    return family


def check_encoder(encoder: Any, family: Family) -> None:
    """Refuse an encoder that is none, or makes no context of the family.

    Raises:
        TypeError: no Keras layer.
        ValueError: not built, of another output size, or for a family without context.
    """
    if not isinstance(encoder, keras.Layer):
        raise TypeError(
            f"FlowModel: the encoder must be a Keras layer or model, but got "
            f"{encoder!r}."
        )
    if not family.is_conditional:
        raise ValueError(
            f"FlowModel: an encoder makes a context, but {family.name!r} takes "
            "none: make the flow with context_size=…."
        )
    if not encoder.built:
        raise ValueError(
            f"FlowModel: the encoder {encoder.name!r} is not built, so that it has no "
            "weights yet: call it once on a batch of what it is to encode."
        )
    shape = getattr(encoder, "output_shape", None)
    size = family.context_size
    if isinstance(shape, tuple) and (len(shape) != 2 or shape[-1] != size):
        raise ValueError(
            f"FlowModel: the flow takes a context of shape [N, {size}], but the "
            f"encoder {encoder.name!r} gives {shape}."
        )


def check_trainable(layer: keras.Layer, name: str) -> None:
    """Refuse a model, or a layer, in which nothing is trained.

    Raises:
        ValueError: it has no trainable weight.
    """
    if not layer.trainable_weights:
        raise ValueError(
            f"{type(layer).__name__}: {name!r} has nothing to train: no trainable "
            "tf.Variable and no Keras layer was found in it. Give bijectors "
            "tf.Variables (.trainable() makes them), wrap Keras layers that a "
            "function calls in tfp_flows.KerasModule, and build legacy layers, "
            "such as tfb.AutoregressiveNetwork, before."
        )
