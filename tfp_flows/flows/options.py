"""The arguments that ready-made flows share."""

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypedDict

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.distributions import Family, Flow

# A family if it was made with a ``context_size``.
FlowOrFamily: TypeAlias = Flow | Family

# Called as ``make(event_size, seed=…, dtype=…)``.
MakeBijector: TypeAlias = Callable[..., tfb.Bijector]

Activation: TypeAlias = str | Callable | keras.layers.Layer | None
DType: TypeAlias = str | tf.DType | type | keras.DTypePolicy


class FlowOptions(TypedDict, total=False):
    """Arguments of every ready-made flow, whose event size is D.

    Attributes:
        context_size: C, to make it a `tfp_flows.distributions.Family`, whose
            networks see a context of that size; ``None`` for none.
        base: the distribution that the layers transform, of event shape [D]; a standard
            normal if not given.
        seed: of the initial weights, and of permutations and rotations.
        dtype: float32 or float64; or a Keras dtype policy of the networks, such as
            ``"mixed_bfloat16"``, with which all else is float32.

    Raises:
        ValueError: an event size, or another size or count, below 1; a base of another
            event shape.
        TypeError: a size that is no integer, another dtype (float16 underflows), a base
            that is no distribution or has another dtype; an argument that the flow does
            not have.
    """

    context_size: int | None
    base: tfd.Distribution | None
    seed: int | None
    dtype: DType


class NetworkOptions(FlowOptions, total=False):
    """Arguments of flows whose networks are multi-layer perceptrons or MADEs.

    Attributes:
        hidden_units: the width of each hidden layer of each network; those of a MADE
            are at least D − 1.
        activation: of the hidden layers.

    Raises:
        ValueError: hidden layers that are too narrow; an activation that Keras does not
            know.
    """

    hidden_units: Sequence[int]
    activation: Activation


class LayeredOptions(NetworkOptions, total=False):
    """Arguments of flows of couplings or of autoregressive layers.

    Without a permutation the layers alternate between the halves of the event, or
    between one order of the dimensions and the opposite.

    Attributes:
        permutation: makes what comes between two layers instead, called with
            the event size, ``seed`` and ``dtype``: ``Permutation.random``,
            ``functools.partial(LULinear.trainable, permute=True)`` and the like.

    Raises:
        ValueError: couplings of fewer than 2 dimensions.
        TypeError: a permutation that is no function, or does not give a bijector.
    """

    permutation: MakeBijector | None
