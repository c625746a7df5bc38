"""The arguments that ready-made flows share."""

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypedDict

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors.with_conditioner import ConditionerInput
from tfp_flows.distributions import Family, Flow
from tfp_flows.random_state import Seed

# A family if it was made with a ``context_size``.
FlowOrFamily: TypeAlias = Flow | Family

# Called as ``make(event_size, seed=…, dtype=…)``.
MakeBijector: TypeAlias = Callable[..., tfb.Bijector]

Activation: TypeAlias = str | Callable | keras.layers.Layer | None
DType: TypeAlias = str | tf.DType | type | keras.DTypePolicy


class FlowOptions(TypedDict, total=False):
    """Arguments of every ready-made flow, described in `arguments.ARGUMENTS`."""

    context_size: int | None
    base: tfd.Distribution | None
    seed: Seed
    dtype: DType


class NetworkOptions(FlowOptions, total=False):
    """Arguments of flows whose networks are multi-layer perceptrons or MADEs."""

    hidden_units: Sequence[int] | None
    activation: Activation


class LayeredOptions(NetworkOptions, total=False):
    """Arguments of flows of couplings or of autoregressive layers."""

    permutation: MakeBijector | None
    recompute: bool
    conditioner_input: ConditionerInput
