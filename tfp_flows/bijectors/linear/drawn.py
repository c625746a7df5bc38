"""What is drawn at random when a flow is made, and is no trained parameter.

It is kept in variables of integers, which are not trained: they are saved and loaded
with the weights, in every way, so that weights never meet another permutation than they
were trained with.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.checks import checked_permutation


def as_drawn(values: Any, name: str) -> tf.Variable:
    """Integers in a variable that is saved, and not trained."""
    # Of int64: TensorFlow keeps no int32 variables on a GPU.
    return tf.Variable(values, trainable=False, dtype=tf.int64, name=name)


def permutation_or_variable(
    permutation: Any, where: str, size: int | None = None
) -> np.ndarray | tf.Variable:
    """A permutation as an array, or a variable of one as it is.

    Raises:
        ValueError: no permutation, or one of another size.
    """
    if not isinstance(permutation, tf.Variable):
        return checked_permutation(permutation, where, size)
    length = permutation.shape.num_elements()
    if (
        permutation.shape.rank != 1
        or not permutation.dtype.is_integer
        or (size is not None and length != size)
    ):
        raise ValueError(
            f"{where} that is a tf.Variable must be {size or 'D'} integers, but got "
            f"shape {tuple(permutation.shape)} and dtype {permutation.dtype.name}."
        )
    values = value_of(permutation)
    # A flow that is read from a file has ones until its weights are loaded.
    if values is not None and np.any(values != 1):
        checked_permutation(values, where, size)
    return permutation


def value_of(values: Any) -> Any:
    """The value of now, as an array; ``None`` for what only a graph knows."""
    with tf.init_scope():
        return tf.get_static_value(tf.convert_to_tensor(values))


def as_known(values: Any) -> Any:
    """A tensor of a variable, an array as it is."""
    return tf.convert_to_tensor(values) if isinstance(values, tf.Variable) else values
