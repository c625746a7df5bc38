"""Dtypes and Keras dtype policies as a user gives them."""

from typing import Any

import keras


def as_policy(dtype: Any, where: str) -> keras.DTypePolicy:
    """Give the Keras dtype policy of a dtype of any kind, or of a policy's name.

    Raises:
        TypeError: neither.
    """
    try:
        return keras.dtype_policies.get(dtype)
    except (ValueError, TypeError, KeyError) as error:
        raise dtype_mistake(dtype, where) from error


def dtype_mistake(dtype: Any, where: str) -> TypeError:
    """The error that says what a dtype must be."""
    return TypeError(
        f"{where}: dtype must be floating, 'float32' or 'float64', or a Keras dtype "
        f"policy such as 'mixed_bfloat16', but got {dtype!r}."
    )
