"""The network of a bijector: checked, built and asked for its sizes, once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfp_flows.networks import Conditioner, Network
from tfp_flows.variables import KerasModule, network_of


class Declared(NamedTuple):
    """The declarations of a network, ``None`` where it has none.

    Args:
        event_size: the size of the points that it takes.
        context_size: the size of the context that it takes.
        order: an order of the dimensions, each after those that it depends on.
        scan: its sequential inversion, see `tfp_flows.networks.Conditioner.scan`.
    """

    event_size: int | None = None
    context_size: int | None = None
    order: Sequence[int] | None = None
    scan: Callable | None = None


def declared_by(network: Any, context_size: int | None = None) -> Declared:
    """The declarations of a network, or of a module around it.

    A plain Keras layer or a function has none: it takes the context that there is.
    """
    layer = network_of(network)
    if isinstance(layer, Conditioner):
        return Declared(layer.event_size, layer.context_size, layer.order, layer.scan)
    if isinstance(layer, Network):
        return Declared(layer.event_size, layer.context_size)
    return Declared(context_size=context_size)


def as_network(
    network: Any,
    *,
    input_shape: Sequence[int],
    output_shape: Sequence[int],
    context_size: int | None,
    where: str,
) -> Any:
    """A callable from ``[..., *input_shape]`` to ``[..., *output_shape]``, checked.

    A Keras layer becomes a `KerasModule`, built if it was not; a `Network` without an
    output size is told the last of ``output_shape``.

    Raises:
        TypeError: ``network`` cannot be called.
        ValueError: its output or its context has another size.
    """
    if isinstance(network, type) or not callable(network):
        raise TypeError(
            f"{where}: the conditioner must be a Keras layer or a function, but got "
            f"{network!r}."
        )
    takes = declared_by(network, context_size).context_size
    if context_size is not None and context_size != takes:
        size = "takes no context" if takes is None else f"takes one of size {takes}"
        raise ValueError(
            f"{where}: the conditioner {size} (its context_size), but got a context of "
            f"size {context_size}."
        )
    tried_for = (tuple(input_shape), tuple(output_shape), takes)
    # A copy of a bijector has the module of the first one. It is not called again:
    # within a training step that would feed zeros to batch normalization.
    if isinstance(network, KerasModule) and network.tried_for == tried_for:
        return network
    layer = network_of(network)
    if isinstance(layer, Network) and layer.output_size is None:
        layer.output_size = output_shape[-1]
    _try(network, *tried_for, where)
    if isinstance(network, keras.Layer):
        network = KerasModule(network, event_ndims=len(input_shape))
    if isinstance(network, KerasModule):
        network.tried_for = tried_for
    return network


def _try(network, input_shape, output_shape, context_size, where: str) -> None:
    """Calls a network, and so builds it, or refuses it."""
    # Called rather than built: a layer's own layers may be built only by a call.
    layer = network_of(network)
    dtype = layer.variable_dtype if isinstance(layer, keras.Layer) else tf.float32
    shapes = [input_shape] if context_size is None else [input_shape, [context_size]]
    try:
        shape = network(*(tf.zeros([1, *shape], dtype) for shape in shapes)).shape[1:]
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        context = (
            "" if context_size is None else f" and a context of size {context_size}"
        )
        raise ValueError(
            f"{where}: the conditioner does not take inputs of size "
            f"{_size(input_shape)} (of what the parameters depend on){context}: {error}"
        ) from error
    if shape != tuple(output_shape):
        raise ValueError(
            f"{where}: the conditioner must give {_size(output_shape)} numbers (the "
            f"parameters of all transformed dimensions), but got {_size(shape)}."
        )


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
