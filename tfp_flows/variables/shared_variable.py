"""TFP's variables that Keras sees."""

import keras
import tensorflow as tf

from tfp_flows.variables.names import module_name


class SharedVariable(keras.Variable):
    """A Keras weight that lives in the storage of an existing ``tf.Variable``.

    Assigning to either changes both; there is no second copy.

    >>> v = tf.Variable([1.0, 2.0])
    >>> weight = SharedVariable(v)
    >>> _ = weight.assign([3.0, 4.0])
    >>> v.numpy()
    array([3., 4.], dtype=float32)
    """

    def __init__(self, variable: tf.Variable):
        self._storage = variable
        super().__init__(
            initializer=lambda shape, dtype: variable,
            shape=tuple(variable.shape),
            dtype=variable.dtype.name,
            trainable=variable.trainable,
            autocast=False,
            name=module_name(variable.name.split(":")[0]),
        )

    @classmethod
    def of(cls, variable: tf.Variable) -> "SharedVariable":
        """The weight of a variable: layers that share the variable share the weight."""
        weight = getattr(variable, "_keras_weight", None)
        if weight is None:
            weight = variable._keras_weight = cls(variable)
        return weight

    def _initialize_with_initializer(self, initializer):
        self._value = self._storage
