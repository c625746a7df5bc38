"""Parameters as tensors, or as the variables that they are, in one dtype."""

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp


def as_reference(value: Any, *, dtype: tf.DType, name: str) -> Any:
    """A parameter as it is if it can change, else as a tensor.

    ``tf.Variable``s and ``tfp.util.DeferredTensor``s stay what they are, so that
    training reaches them. A ``keras.Variable`` gives its storage: converting it, as
    TFP's own bijectors do, would freeze its value.

    Args:
        value: anything that converts to a tensor, or a variable of either kind.
        dtype: the dtype that it must have, or gets if it has none.
        name: the name of the parameter in an error.

    Raises:
        TypeError: the value has another dtype, or is no number.
    """
    if isinstance(value, keras.Variable):
        value = value.value
    value_dtype = _dtype_of(value)
    if value_dtype is not None and value_dtype != dtype:
        raise TypeError(f"{name} must be {dtype.name}, but got {value_dtype.name}.")
    if isinstance(value, tf.Variable | tfp.util.DeferredTensor):
        return value
    try:
        return tf.convert_to_tensor(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be numbers, but got {value!r}: {error}"
        ) from error


def common_dtype(values: dict, *, where: str) -> tf.DType:
    """The floating dtype that named parameters share, float32 if none has a dtype.

    Raises:
        TypeError: two differ, or one is not floating.
    """
    all_dtypes = {name: _dtype_of(value) for name, value in values.items()}
    dtypes = {name: dtype for name, dtype in all_dtypes.items() if dtype is not None}
    listed = ", ".join(f"{name} is {dtype.name}" for name, dtype in dtypes.items())
    if len(set(dtypes.values())) > 1:
        raise TypeError(f"{where}: the parameters must share one dtype, but {listed}.")
    dtype = next(iter(dtypes.values()), tf.float32)
    if not dtype.is_floating:
        raise TypeError(f"{where}: the parameters must be floating, but {listed}.")
    return dtype


def _dtype_of(value) -> tf.DType | None:
    dtype = getattr(value, "dtype", None)
    return None if dtype is None else tf.as_dtype(dtype)
