"""What all ready-made flows share: the base, the order, the direction."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Bijector, Coupling, TransformerSpec
from tfp_flows.conditioners import MLP
from tfp_flows.math import split_seed


def make_flow(
    layers: Sequence[tfb.Bijector],
    *,
    event_size: int,
    base: tfd.Distribution | None,
    dtype,
    name: str,
) -> tfd.TransformedDistribution:
    """The distribution of ``base`` sent through ``layers``, the first one first.

    Args:
        layers: in the order base → data, the reverse of ``tfb.Chain``'s list.
        event_size: D.
        base: ``None`` for a standard normal.
        dtype: of the flow.
        name: of the flow.

    Raises:
        ValueError: ``base`` has another event shape than ``[D]``.
        TypeError: ``base`` has another dtype.
    """
    dtype = tf.as_dtype(dtype)
    if base is not None and not isinstance(base, tfd.Distribution):
        raise TypeError(
            f"flows.{name}: the base must be a tfd.Distribution, but got {base!r}."
        )
    if base is None:
        base = tfd.MultivariateNormalDiag(loc=tf.zeros(event_size, dtype))
    if not base.event_shape.is_compatible_with([event_size]):
        raise ValueError(
            f"flows.{name}: the base must have event shape [{event_size}], but "
            f"{base.name!r} has {base.event_shape}."
        )
    if base.dtype != dtype:
        raise TypeError(
            f"flows.{name}: the flow is {dtype.name}, but the base {base.name!r} is "
            f"{base.dtype.name}."
        )
    chain = tfb.Chain(list(reversed(layers)), name=name)
    return tfd.TransformedDistribution(base, chain, name=name)


def make_layers(
    make_layer: Callable[[int, int], tfb.Bijector],
    *,
    num_layers: int,
    seed: int | None,
    name: str,
) -> list[tfb.Bijector]:
    """``make_layer(index, seed)`` for each layer.

    Raises:
        TypeError: ``num_layers`` is no integer.
        ValueError: ``num_layers`` is less than 1.
    """
    if isinstance(num_layers, bool) or not isinstance(num_layers, int | np.integer):
        raise TypeError(
            f"flows.{name}: num_layers must be an integer, but got {num_layers!r}."
        )
    if num_layers < 1:
        raise ValueError(
            f"flows.{name}: num_layers must be 1 or more, but got {num_layers}."
        )
    return [make_layer(i, s) for i, s in enumerate(split_seed(seed, num_layers))]


Direction = Literal["log_prob", "sample"]


def repeat(
    bijector_class: type[Bijector],
    event_size: int,
    *,
    num_layers: int,
    fast: Direction,
    base: tfd.Distribution | None,
    seed: int | None,
    dtype,
    name: str,
) -> tfd.TransformedDistribution:
    """A flow of trainable bijectors of one class, ``forward`` serving ``fast``.

    Raises:
        ValueError: ``fast`` is neither of the two; as `make_layers` and `make_flow`.
    """
    if fast not in ("log_prob", "sample"):
        raise ValueError(
            f"flows.{name}: fast must be 'log_prob' or 'sample', but got {fast!r}."
        )

    def make_layer(_, layer_seed: int) -> tfb.Bijector:
        layer = bijector_class.trainable(event_size, seed=layer_seed, dtype=dtype)
        return tfb.Invert(layer) if fast == "log_prob" else layer

    layers = make_layers(make_layer, num_layers=num_layers, seed=seed, name=name)
    return make_flow(layers, event_size=event_size, base=base, dtype=dtype, name=name)


def half_mask(event_size: int, index: int, name: str) -> np.ndarray:
    """The mask of coupling layer ``index``: the halves take turns at passing through.

    Raises:
        TypeError: an event size that is no integer.
        ValueError: an event of size 1 cannot be split.
    """
    if not isinstance(event_size, int | np.integer):
        raise TypeError(
            f"flows.{name}: event_size must be an integer, but got {event_size!r}."
        )
    if event_size < 2:
        raise ValueError(
            f"flows.{name}: a coupling splits the event in two, so event_size must be "
            f"2 or more, but got {event_size}."
        )
    first = np.arange(event_size) < (event_size + 1) // 2
    return first if index % 2 == 0 else ~first


def coupling_layers(
    transformer: TransformerSpec,
    *,
    event_size: int,
    num_layers: int,
    hidden_units: Sequence[int],
    activation,
    seed: int | None,
    dtype,
    name: str,
) -> list[Coupling]:
    """Coupling layers with a multi-layer perceptron each, the halves taking turns."""
    if not tf.as_dtype(dtype).is_floating:
        raise TypeError(f"flows.{name}: dtype must be floating, but got {dtype}.")

    def make_layer(index: int, layer_seed: int) -> Coupling:
        network = MLP(hidden_units, activation=activation, seed=layer_seed, dtype=dtype)
        return Coupling(network, transformer, half_mask(event_size, index, name))

    return make_layers(make_layer, num_layers=num_layers, seed=seed, name=name)
