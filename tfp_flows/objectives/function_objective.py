"""A function as an objective."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfp_flows.distributions import Family
from tfp_flows.objectives.batch import Batch
from tfp_flows.objectives.objective import Objective


@keras.saving.register_keras_serializable(package="tfp_flows")
class FunctionObjective(Objective):
    """A function of a family and a batch as an objective.

    ``FlowModel.compile(loss=function)`` makes one.

    Args:
        function: called as ``function(family, batch, training=…)``, or if it does not
            take ``training`` without; it gives a number for each row, ``[N]``.

    Raises:
        TypeError: something that cannot be called, or not with these arguments.

    >>> import tfp_flows
    >>> def smoothed(family, batch, *, training):
    ...     noise = 0.1 * tf.random.normal(tf.shape(batch.x)) if training else 0.0
    ...     return -family(batch.context).log_prob(batch.x + noise)
    >>> model = tfp_flows.FlowModel(tfp_flows.flows.linear(2))
    >>> model.compile(loss=smoothed)
    """

    def __init__(self, function: Callable):
        if isinstance(function, keras.losses.Loss):
            raise TypeError(
                "A FlowModel has no targets for a Keras loss, but got "
                f"{function!r}: give an objective, or a function of (family, batch, "
                "training=…)."
            )
        if not callable(function) or isinstance(function, type):
            raise TypeError(
                "A loss is an objective or a function of (family, batch, training=…), "
                f"but got {function!r}."
            )
        self.function = function
        self._takes_training = _takes_training(function)

    def per_row(self, family: Family, batch: Batch, *, training: bool) -> tf.Tensor:
        """Call the function."""
        if not self._takes_training:
            return self.function(family, batch)
        return self.function(family, batch, training=training)

    def get_config(self) -> dict:
        """Give the function by the name that it is registered with.

        Raises:
            ValueError: a function that is not registered with Keras.
        """
        name = keras.saving.get_registered_name(self.function)
        if keras.saving.get_registered_object(name) is not self.function:
            raise ValueError(
                f"The loss {self.function!r} cannot be saved: a file cannot hold a "
                "lambda or a function of your own. Name it in a module, and decorate "
                "it with @keras.saving.register_keras_serializable(package=…)."
            )
        return {"function": keras.saving.serialize_keras_object(self.function)}

    @classmethod
    def from_config(cls, config: dict) -> "FunctionObjective":
        """Make an objective of what `get_config` gave."""
        return cls(keras.saving.deserialize_keras_object(config["function"]))


def _takes_training(function: Callable) -> bool:
    """Tell whether a loss takes ``training``, so far as its signature is known.

    Raises:
        TypeError: a function of other arguments.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # As of some that are not written in Python.
        return True
    for options in ({"training": True}, {}):
        try:
            signature.bind("family", "batch", **options)
        except TypeError:
            continue
        return bool(options)
    raise TypeError(
        "A loss is an objective or a function of (family, batch, training=…), but got "
        f"{function!r}, a function of {signature}."
    )


def as_objective(loss: Any) -> Objective:
    """Make an objective of a function; leave an objective as it is.

    Raises:
        TypeError: neither.
    """
    return loss if isinstance(loss, Objective) else FunctionObjective(loss)
