"""The class of transformers: bijectors of each dimension by itself."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfp_flows.bijectors.base import Bijector
from tfp_flows.bijectors.elementwise.transformer_spec import (
    HasDirections,
    TransformerSpec,
)


class Elementwise(HasDirections, Bijector):
    """A bijector that acts on each dimension by itself: its Jacobian is diagonal.

    To subclass, as `Bijector`; points have rank 0 and up, and the parameters of one
    dimension are given at that dimension: those of a scalar parameter have shape
    ``[..., D]``. A subclass whose parameters are not all scalars for a dimension
    overrides ``_param_shapes``. A subclass that searches for a root in one direction
    declares the other as ``closed``; where both are closed and one costs less,
    ``cheaper`` names it. `TransformerSpec.fast` goes by these.
    """

    def __init__(self, parameters: Mapping, **kwargs: Any):
        super().__init__(parameters, event_ndims=0, **kwargs)

    @classmethod
    def _param_shapes(cls, *args: Any, **options: Any) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(cls.parameter_properties(tf.float32), ())

    @classmethod
    def spec(cls, **options: Any) -> TransformerSpec:
        """This class as the transformer of a coupling or autoregressive layer.

        Args:
            **options: arguments of the constructor that are not predicted.
        """
        return TransformerSpec(cls, cls._param_shapes(**options), options)
