"""Bijectors with variables for parameters."""

import inspect
from typing import Any, Self

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.evaluated import Evaluated
from tfp_flows.bijectors.parameters import make_variable
from tfp_flows.checks import checked_count
from tfp_flows.random_state import Seed, split_seed


class Trainable(Evaluated):
    """A bijector that can be made with variables: `trainable`.

    A subclass writes ``_initial_parameters``, and declares its tensor parameters as
    TFP's classes do.
    """

    @classmethod
    def _initial_parameters(cls, event_size: int, rng: np.random.Generator) -> dict:
        """Values near the identity for `trainable`, drawn from ``rng``."""
        raise NotImplementedError(
            f"{cls.__name__} has no tensor parameters of its own to make variables of; "
            "call its constructor."
        )

    @classmethod
    def trainable(
        cls,
        event_size: int,
        *,
        seed: Seed = None,
        dtype: Any = "float32",
        **options: Any,
    ) -> Self:
        """The bijector with ``tf.Variable``s for parameters, near the identity.

        A parameter with a constraint, say to be positive, is a
        ``tfp.util.TransformedVariable`` over an unconstrained variable.

        Args:
            event_size: D, the size of the points' last axis.
            seed: a seed for the initial values; without it they come from Python's
                generator.
            dtype: the dtype of the variables, float32 or float64.
            **options: any other arguments of the constructor, or of
                ``_initial_parameters``.

        Raises:
            ValueError: the event size does not fit this bijector.
            TypeError: the dtype is not floating.
        """
        event_size = checked_count(event_size, f"{cls.__name__}: event_size")
        dtype = tf.as_dtype(dtype)
        if not dtype.is_floating:
            raise TypeError(
                f"{cls.__name__}.trainable: dtype must be floating, but got "
                f"{dtype.name}."
            )
        from_seed = np.random.default_rng(
            split_seed(seed, 1, f"{cls.__name__}: seed")[0]
        )
        # An option that `_initial_parameters` names, say a count, is for it alone.
        names = inspect.signature(cls._initial_parameters).parameters
        counts = {key: options.pop(key) for key in names if key in options}
        initial = cls._initial_parameters(event_size, from_seed, **counts)
        properties = cls.parameter_properties(dtype)
        # A value that is no tensor parameter, say a size, is an argument as it is.
        parameters = {
            key: make_variable(value, properties[key], dtype=dtype, name=key)
            if key in properties
            else value
            for key, value in initial.items()
        }
        return cls(**parameters, **options)
