"""A flow as a SavedModel, which TensorFlow alone can load."""

import functools
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfp_flows.distributions import Family
from tfp_flows.networks import OneHot
from tfp_flows.variables import find_weights


def export_model(model: Any, path: str | os.PathLike) -> None:
    """Write the SavedModel of a `FlowModel` into the folder ``path``.

    Raises:
        ValueError: ``path`` is a file, or an encoder whose input is not known.
    """
    path = Path(path)
    if path.is_file():
        raise ValueError(f"export writes a folder, but {str(path)!r} is a file.")
    served = _served(model)
    tf.saved_model.save(
        served, str(path), signatures={"serving_default": served.log_prob}
    )


def _served(model) -> tf.Module:
    """Make a module of all that is to be saved, in TensorFlow's own terms."""
    family, encoder = model.family, model.encoder

    def log_prob(context, x):
        return model.given(context, training=False).log_prob(x)

    def sample(context, n, seed):
        distribution = model.given(context, training=False)
        return distribution.sample(n, seed=tf.stack([0, seed]))

    def function(of, *inputs):
        if family.is_conditional:
            inputs = (_context_spec(family, encoder), *inputs)
        else:
            of = functools.partial(of, None)
        return tf.function(of, input_signature=inputs)

    served = tf.Module(name="served")
    variables = find_weights(family).every_variable
    encoders = [] if encoder is None else encoder.variables
    served.variables_of_model = [v.value for v in (*variables, *encoders)]
    points = tf.TensorSpec([None, *family.event_shape], family.dtype, name="x")
    number = tf.TensorSpec([], tf.int32, name="n")
    seed = tf.TensorSpec([], tf.int32, name="seed")
    served.log_prob = function(log_prob, points)
    served.sample = function(sample, number, seed)
    return served


def _context_spec(family: Family, encoder) -> tf.TensorSpec:
    if encoder is None:
        size = family.context_size
        return tf.TensorSpec([None, size], family.dtype, name="context")
    if isinstance(encoder, OneHot):
        return tf.TensorSpec([None], tf.int64, name="context")
    shape = getattr(encoder, "input_shape", None)
    if not isinstance(shape, tuple):
        raise ValueError(
            f"export needs to know what the encoder {encoder.name!r} takes: make it a "
            "keras.Sequential or functional model with a keras.Input of one tensor."
        )
    (tensor,) = encoder.inputs
    return tf.TensorSpec([None, *shape[1:]], tensor.dtype, name="context")
