"""Parameters that a network reads off a context."""

import math
from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.checks import checked_count
from tfp_flows.variables import as_conditioner


class Conditional(Bijector):
    """A bijector whose parameters depend on a context, by what a network adds to them.

    Forward: y = f(x; θ(c)), where f is the bijector, c the context, and each parameter
    is θ(c) = g(g⁻¹(θ₀) + network(c)): θ₀ is its value in the bijector that is given,
    which is trained if it is a variable, and g the map that keeps it within its domain
    (TFP's ``default_constraining_bijector_fn``).

    Inverse and log-determinant: those of f.

    Cost: one evaluation of the network, on the context alone, and f's own.

    For bijectors that have parameters and no conditioner, such as `Planar`; couplings
    and autoregressive layers take a context themselves.

    Args:
        bijector: f, any bijector with tensor parameters that declares them (TFP's
            ``parameter_properties``), without a batch shape.
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
    >>> given = planar.copy(context=tf.ones([4, 3]))
    >>> given.forward(tf.zeros([4, 2])).shape
    TensorShape([4, 2])
    """

    def __init__(
        self,
        bijector: tfb.Bijector,
        conditioner: Callable,
        context_size: int,
        context=None,
        validate_args: bool = False,
        name: str = "conditional",
    ):
        parameters = dict(locals())
        where = f"Conditional {name!r}"
        if not isinstance(bijector, tfb.Bijector):
            raise TypeError(f"{where} takes a bijector, but got {bijector!r}.")
        self.bijector = bijector
        self.context_size = checked_count(context_size, f"{where}: context_size")
        self._shapes = _parameter_shapes(bijector, where)
        if context is not None:
            context = tf.convert_to_tensor(context)
            if not context.shape.rank or context.shape[-1] != self.context_size:
                raise ValueError(
                    f"{where}: its context_size is {self.context_size}, but the "
                    f"context has shape {tuple(context.shape)}."
                )
        self.conditioner = as_conditioner(
            conditioner,
            input_size=self.context_size,
            output_size=sum(map(math.prod, self._shapes.values())),
            context_size=None,
            where=where,
        )
        super().__init__(
            parameters,
            event_ndims=bijector.forward_min_event_ndims,
            event_size=getattr(bijector, "event_size", None),
            dtype=bijector.dtype,
        )

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"context": ParameterProperties(event_ndims=1)}

    def _given_context(self) -> tfb.Bijector:
        """The bijector with the parameters that belong to the context."""
        if self.context is None:
            raise ValueError(
                f"{self._where} takes a context of size {self.context_size}, but none "
                "was given: make it with context=…, or .copy(context=…)."
            )
        context = tf.convert_to_tensor(self.context)
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        parts = tf.split(self.conditioner(context), sizes, axis=-1)
        properties = self.bijector.parameter_properties(self.dtype)
        batch, values = tf.shape(context)[:-1], {}
        for (name, shape), added in zip(self._shapes.items(), parts, strict=True):
            constrain = properties[name].default_constraining_bijector_fn()
            start = tf.convert_to_tensor(getattr(self.bijector, name))
            added = tf.reshape(added, tf.concat([batch, shape], axis=0))
            values[name] = constrain.forward(constrain.inverse(start) + added)
        return self.bijector.copy(**values)

    def _forward(self, x):
        return self._given_context().forward(x)

    def _inverse(self, y):
        return self._given_context().inverse(y)

    def _forward_log_det_jacobian(self, x):
        rank = self.forward_min_event_ndims
        return self._given_context().forward_log_det_jacobian(x, event_ndims=rank)

    def _inverse_log_det_jacobian(self, y):
        rank = self.inverse_min_event_ndims
        return self._given_context().inverse_log_det_jacobian(y, event_ndims=rank)


def _parameter_shapes(bijector: tfb.Bijector, where: str) -> dict[str, list[int]]:
    """The shape of each tensor parameter, by its name, in the order of the names."""
    shapes = {}
    for name in sorted(bijector.parameter_properties(bijector.dtype)):
        value = bijector.parameters.get(name)
        if value is not None and hasattr(bijector, name):
            shapes[name] = tf.convert_to_tensor(getattr(bijector, name)).shape.as_list()
    if not shapes:
        raise ValueError(
            f"{where}: {type(bijector).__name__} {bijector.name!r} has no tensor "
            "parameters that could depend on a context."
        )
    if bijector.experimental_batch_shape().rank:
        raise ValueError(
            f"{where}: the batch shape comes from the context, but "
            f"{type(bijector).__name__} {bijector.name!r} has the batch shape "
            f"{tuple(bijector.experimental_batch_shape())}."
        )
    return shapes
