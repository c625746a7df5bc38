"""A flow as a SavedModel, which TensorFlow alone can load."""

from pathlib import Path

import tensorflow as tf

from tfp_flows.distributions import ConditionalFlow
from tfp_flows.variables import find_weights


class Served(tf.Module):
    """What `export_model` writes: two functions of tensors.

    Args:
        model: a `FlowModel`.
    """

    def __init__(self, model):
        super().__init__(name="served")
        distribution, encoder = model.distribution, model.encoder
        flow = distribution
        if isinstance(distribution, ConditionalFlow):
            flow = distribution.flow
        # All that is to be saved, in TensorFlow's own terms.
        variables = find_weights(distribution).every_variable
        encoders = [] if encoder is None else encoder.variables
        self._variables = [v.value for v in (*variables, *encoders)]
        points = tf.TensorSpec([None, *flow.event_shape], flow.dtype, name="x")
        number = tf.TensorSpec([], tf.int32, name="n")
        seed = tf.TensorSpec([], tf.int32, name="seed")

        def stateless(seed):
            return tf.stack([0, seed])

        if flow is distribution:
            self.log_prob = tf.function(
                lambda x: flow.log_prob(x), input_signature=[points]
            )
            self.sample = tf.function(
                lambda n, seed: flow.sample(n, seed=stateless(seed)),
                input_signature=[number, seed],
            )
            return
        context = _context_spec(distribution, encoder)
        self.log_prob = tf.function(
            lambda context, x: model.given(context, training=False).log_prob(x),
            input_signature=[context, points],
        )
        self.sample = tf.function(
            lambda context, n, seed: model.given(context, training=False).sample(
                n, seed=stateless(seed)
            ),
            input_signature=[context, number, seed],
        )


def _context_spec(distribution, encoder) -> tf.TensorSpec:
    if encoder is None:
        shape = [None, distribution.context_size]
        return tf.TensorSpec(shape, distribution.dtype, name="context")
    shape = getattr(encoder, "input_shape", None)
    if not isinstance(shape, tuple):
        raise ValueError(
            f"export needs to know what the encoder {encoder.name!r} takes: make it a "
            "keras.Sequential or functional model with a keras.Input of one tensor."
        )
    (tensor,) = encoder.inputs
    return tf.TensorSpec([None, *shape[1:]], tensor.dtype, name="context")


def export_model(model, path) -> None:
    """Writes the SavedModel of a `FlowModel` into the folder ``path``.

    Raises:
        ValueError: ``path`` is a file, or an encoder whose input is not known.
    """
    path = Path(path)
    if path.is_file():
        raise ValueError(f"export writes a folder, but {str(path)!r} is a file.")
    served = Served(model)
    tf.saved_model.save(
        served, str(path), signatures={"serving_default": served.log_prob}
    )
