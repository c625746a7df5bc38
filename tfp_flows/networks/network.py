"""The class of networks: a Keras layer that declares what it takes and gives."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from tfp_flows.checks import checked_count


class Network(keras.layers.Layer):
    """A Keras layer that declares its sizes, so that bijectors need not guess them.

    Called with ``[N, ..., D]``, and a context ``[N, context_size]`` if it takes one, it
    gives ``[N, ..., output_size]``.

    A subclass calls `_set_sizes` in its constructor, `_check_built_for` first in its
    ``build(x_shape, context_shape=None)`` and `_check_inputs` first in its
    ``call(x, context=None)``.

    Attributes:
        event_size: D, if it takes inputs of that size alone; ``None`` for any size.
        output_size: ``None`` until it is known: the bijector that the network is given
            to sets it.
        context_size: ``None`` if the network takes no context.
        shares_programs: what a class says itself, not by inheritance: that its output
            depends on its weights and the arguments of its constructor alone (``seed``
            not among them), which it holds as attributes of the same names; that a
            call changes nothing and adds no loss; and that it has no loop, whose
            gradient XLA refuses. Layers with such networks, of equal arguments, are
            traced once.

    >>> class Linear(Network):
    ...     def __init__(self, output_size=None, context_size=None, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self._set_sizes(output_size=output_size, context_size=context_size)
    ...
    ...     def build(self, x_shape, context_shape=None):
    ...         self._check_built_for(x_shape)
    ...         shape = (x_shape[-1], self.output_size)
    ...         self.kernel = self.add_weight(shape=shape)
    ...
    ...     def call(self, x, context=None):
    ...         self._check_inputs(x, context)
    ...         return keras.ops.matmul(x, self.kernel)
    >>> Linear(output_size=2)(keras.ops.ones([3, 4])).shape
    TensorShape([3, 2])
    """

    event_size: int | None = None
    output_size: Any = None  # An integer, once it is known.
    context_size: int | None = None
    shares_programs: ClassVar[bool] = False

    def compute_output_shape(
        self, x_shape: Sequence, context_shape: Sequence | None = None
    ) -> tuple:
        """Give ``x_shape`` with its last dimension replaced."""
        return (*x_shape[:-1], self.output_size)

    def _set_sizes(
        self,
        *,
        event_size: int | None = None,
        output_size: int | None = None,
        context_size: int | None = None,
    ) -> None:
        """Set the sizes, checked."""
        sizes = {
            "event_size": event_size,
            "output_size": output_size,
            "context_size": context_size,
        }
        for name, size in sizes.items():
            if size is not None:
                size = checked_count(size, f"{type(self).__name__}: {name}")
            setattr(self, name, size)

    def _check_built_for(self, x_shape) -> None:
        """Refuse to be built without an output size, or for inputs of another size."""
        if self.output_size is None:
            raise ValueError(
                f"{type(self).__name__}: output_size must be known, but got None; give "
                "it, or give the network to a bijector that knows it."
            )
        self._check_size(x_shape)

    def _check_inputs(self, x, context) -> None:
        """Refuse inputs and contexts of another size than its own."""
        if self.event_size is not None:
            self._check_size(x.shape)
        size = None if context is None else context.shape[-1]
        if size != self.context_size:
            came = "no context" if size is None else f"a context of size {size}"
            raise ValueError(
                f"{type(self).__name__}: its context_size is {self.context_size}, but "
                f"got {came}."
            )

    def _check_size(self, x_shape) -> None:
        if self.event_size is not None and x_shape[-1] != self.event_size:
            raise ValueError(
                f"{type(self).__name__}: its event_size is {self.event_size}, but "
                f"got inputs of size {x_shape[-1]}."
            )
