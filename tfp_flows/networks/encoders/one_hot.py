"""Class labels as the context of a flow."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_count
from tfp_flows.math.integers import IntegerRange


@keras.saving.register_keras_serializable(package="tfp_flows")
class OneHot(keras.layers.Layer):
    """Class labels as vectors of one 1: the encoder of a class-conditional flow.

    From labels ``[N]`` or ``[N, 1]``, the integers 0 … num_classes − 1, to
    ``[N, num_classes]``. It has no weights.

    A label that is no class is an error, of `tfp_flows.FlowModel.fit` and its like with
    the number of its row, or for a stream of its batch, if this is the encoder or the
    first layer of a Sequential or functional one. In other graphs nothing can be
    raised: there such a label gives NaN.

    Args:
        num_classes: of the labels; the ``context_size`` of the flow.
        dtype: of the vectors, or a Keras dtype policy.
        name: of the layer.
        **kwargs: the other arguments of ``keras.layers.Layer``.

    Raises:
        TypeError: a number of classes that is no integer.
        ValueError: one below 1; called with labels of another shape, or eagerly with
            one that is no class.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.maf(2, context_size=3, num_layers=2, seed=0)
    >>> model = tfp_flows.FlowModel(flow, encoder=OneHot(3))
    >>> model.sample(5, context=np.array([0, 2]), seed=0).shape
    TensorShape([5, 2, 2])
    """

    def __init__(
        self,
        num_classes: int,
        *,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(dtype=dtype, name=name, **kwargs)
        self.num_classes = checked_count(num_classes, "OneHot: num_classes")
        # `FlowModel` checks its data by it.
        self.integers = IntegerRange(0, self.num_classes - 1, "OneHot")
        self.built = True

    def call(self, labels: tf.Tensor) -> tf.Tensor:
        """The vectors, ``[N, num_classes]``."""
        labels = tf.convert_to_tensor(labels)
        shape = labels.shape
        if shape.rank is not None and (shape.rank == 0 or shape[1:] not in ([], [1])):
            raise ValueError(
                f"OneHot {self.name!r}: labels must have shape [N] or [N, 1], but have "
                f"shape {tuple(shape)}."
            )
        # Either shape; a model's graph may not know which it is.
        labels = tf.reshape(labels, [tf.shape(labels)[0]])
        values = tf.get_static_value(labels)
        if values is not None:
            self.integers.require(values, f"OneHot {self.name!r}: labels")
        known = self.integers.contains(labels)[:, tf.newaxis]
        dtype = tf.as_dtype(self.compute_dtype)
        vectors = tf.one_hot(tf.cast(labels, tf.int32), self.num_classes, dtype=dtype)
        return tf.where(known, vectors, tf.constant(np.nan, dtype))

    def compute_output_shape(self, labels_shape: Sequence) -> tuple:
        """``[N, num_classes]``."""
        return (labels_shape[0], self.num_classes)

    @property
    def output_shape(self) -> tuple:
        """The shape of the output, as a Keras model tells it."""
        return (None, self.num_classes)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {"num_classes": self.num_classes}
