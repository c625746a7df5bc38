"""Parameters that a network predicts from a context."""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.base import Bijector, ParameterProperties, event_size_of
from tfp_flows.bijectors.evaluation import forward_and_log_det, inverse_and_log_det
from tfp_flows.bijectors.network_door import as_network
from tfp_flows.bijectors.unconstrained import unconstrained_parameters
from tfp_flows.checks import checked_count
from tfp_flows.data_paths import StartsFromData


class Conditional(Bijector):
    """A bijector whose parameters depend on a context: a network shifts them.

    Forward: y = f(x; θ(c)), where f is the bijector, c the context, and each parameter
    is θ(c) = g(g⁻¹(θ₀) + network(c)): θ₀ is its value in the bijector that is given,
    trained if it is a variable, and g the map from real numbers to its domain
    (TFP's ``default_constraining_bijector_fn``).

    Inverse and log-determinant: those of f, summed over the dimensions if f acts on
    each by itself.

    Cost: one evaluation of the network, on the context alone, and f's own, for a value
    together with its log-determinant.

    For bijectors that have parameters and no conditioner, such as `Planar`; couplings
    and autoregressive layers take a context themselves.

    Args:
        bijector: f, any bijector with tensor parameters that declares them (TFP's
            ``parameter_properties``), without a batch shape; one that acts on each
            dimension by itself has parameters for one dimension or for D.
        conditioner: a Keras layer (or a function) from ``[..., C]`` to the ``[..., K]``
            numbers that are added to the parameters, in the order of their names. A
            layer whose attribute ``output_size`` is ``None`` is given the right one.
        context_size: C.
        context: ``[..., C]``; its batch shape is that of the bijector.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        TypeError: no bijector, no callable, a size that is no integer.
        ValueError: a bijector without parameters or with a batch shape, a conditioner
            that gives another number of outputs, a context of another size, or a call
            without a context.

    >>> import tfp_flows
    >>> planar = Conditional(
    ...     tfp_flows.bijectors.Planar.trainable(2, seed=0),
    ...     tfp_flows.conditioners.MLP([16], seed=0), context_size=3)
    >>> with_context = planar.copy(context=tf.ones([4, 3]))
    >>> with_context.forward(tf.zeros([4, 2])).shape
    TensorShape([4, 2])
    """

    def __init__(
        self,
        bijector: tfb.Bijector,
        conditioner: Callable,
        context_size: int,
        context: Any = None,
        validate_args: bool = False,
        name: str = "conditional",
    ):
        parameters = dict(locals())
        where = f"Conditional {name!r}"
        if not isinstance(bijector, tfb.Bijector):
            raise TypeError(f"{where} takes a bijector, but got {bijector!r}.")
        self.bijector = bijector
        self.context_size = checked_count(context_size, f"{where}: context_size")
        # A bijector of numbers is one of vectors here: one context for all of a point.
        self._rank = max(1, bijector.forward_min_event_ndims)
        self._starts = unconstrained_parameters(bijector, where)
        self._shapes = {
            name: start().shape.as_list() for name, (start, _) in self._starts.items()
        }
        if context is not None:
            context = tf.convert_to_tensor(context)
            if not context.shape.rank or context.shape[-1] != self.context_size:
                raise ValueError(
                    f"{where}: its context_size is {self.context_size}, but got a "
                    f"context of shape {tuple(context.shape)}."
                )
        self.conditioner = as_network(
            conditioner,
            input_shape=[self.context_size],
            output_shape=[sum(map(math.prod, self._shapes.values()))],
            context_size=None,
            where=where,
        )
        super().__init__(
            {**parameters, "conditioner": self.conditioner},
            event_ndims=self._rank,
            dtype=bijector.dtype,
        )
        # Not the size of the context, the one parameter that it declares.
        self._set_event_size(event_size_of(bijector))

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"context": ParameterProperties(event_ndims=1)}

    @property
    def adapted(self) -> bool:
        """Tells whether the bijector, if it starts from data, has seen them."""
        return not isinstance(self.bijector, StartsFromData) or self.bijector.adapted

    def adapt(self, data: Any, sample_weight: Any = None) -> None:
        """Adapts the bijector: the part of its parameters that no context changes.

        Raises:
            AttributeError: a bijector that does not start from data.
        """
        if sample_weight is None:
            self.bijector.adapt(data)
        else:
            self.bijector.adapt(data, sample_weight=sample_weight)

    def _with_context(self) -> tfb.Bijector:
        """The bijector with the parameters that belong to the context."""
        if self.context is None:
            raise ValueError(
                f"{self._where} takes a context of size {self.context_size}, but got "
                "none: make it with context=…, or .copy(context=…)."
            )
        context = tf.convert_to_tensor(self.context)
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        parts = tf.split(self.conditioner(context), sizes, axis=-1)
        batch, values = tf.shape(context)[:-1], {}
        elementwise = self.bijector.forward_min_event_ndims == 0
        for (name, (start, constrain)), added in zip(
            self._starts.items(), parts, strict=True
        ):
            # A number of an elementwise bijector is one for all dimensions.
            shape = self._shapes[name] or ([1] if elementwise else [])
            added = tf.reshape(added, tf.concat([batch, shape], axis=0))
            values[name] = constrain.forward(start() + added)
        return self.bijector.copy(**values)

    def _forward_and_log_det(self, x):
        return forward_and_log_det(self._with_context(), x, self._rank)

    def _inverse_and_log_det(self, y):
        return inverse_and_log_det(self._with_context(), y, self._rank)
