"""Chains and inverses that are walked once and remember nothing."""

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.evaluated import Evaluated
from tfp_flows.bijectors.evaluation import (
    TFPChain,
    TFPInvert,
    forward_and_log_det,
    inverse_and_log_det,
    walk_forward,
    walk_inverse,
)


class Chain(Evaluated, TFPChain):
    """Apply bijectors one after another, as ``tfb.Chain``, but without its cache.

    Forward: y = f₁(f₂(… fₙ(x))) for the list [f₁, …, fₙ]: the last one acts first.

    Inverse: x = fₙ⁻¹(… f₂⁻¹(f₁⁻¹(y))).

    Log-determinant: the sum of the parts', each at what reaches it.

    Cost: that of the parts. Value and log-determinant take one walk together, where
    ``tfb.Chain`` needs two, or its cache, which is stale once a weight has moved.

    Args:
        bijectors: the parts, the one nearest to the data first; any bijectors.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parts whose event ranks do not fit each other.

    >>> import tfp_flows
    >>> from tensorflow_probability import bijectors as tfb
    >>> chain = tfp_flows.bijectors.Chain([tfb.Shift(1.0), tfb.Scale(2.0)])
    >>> y, log_det = chain.forward_and_log_det([3.0, 4.0], event_ndims=1)
    >>> y.numpy(), round(float(log_det), 3)
    (array([7., 9.], dtype=float32), 1.386)
    """

    def __init__(
        self,
        bijectors: Sequence[tfb.Bijector],
        validate_args: bool = False,
        name: str | None = None,
    ):
        TFPChain.__init__(
            self,
            bijectors,
            validate_args=validate_args,
            parameters=dict(locals()),
            name=name,
        )
        if tf.nest.is_nested(self.forward_min_event_ndims):
            raise ValueError(
                f"Chain {self.name!r} takes bijectors of single tensors, but got one "
                "of several parts: use tfb.Chain."
            )

    def _forward_and_log_det(self, x, **kwargs):
        return walk_forward(self, x, **kwargs)

    def _inverse_and_log_det(self, y, **kwargs):
        return walk_inverse(self, y, **kwargs)


class Invert(Evaluated, TFPInvert):
    """Exchange the directions of a bijector, as ``tfb.Invert``.

    Forward: y = f⁻¹(x).

    Inverse: x = f(y).

    Log-determinant: that of f in the other direction.

    Cost: that of f in the other direction.

    Args:
        bijector: f.
        validate_args: as in TFP.
        name: as in TFP.

    >>> import tfp_flows
    >>> from tensorflow_probability import bijectors as tfb
    >>> halve = tfp_flows.bijectors.Invert(tfb.Scale(2.0))
    >>> float(halve.forward(3.0))
    1.5
    """

    def __init__(
        self,
        bijector: tfb.Bijector,
        validate_args: bool = False,
        name: str | None = None,
    ):
        super().__init__(
            bijector,
            validate_args=validate_args,
            parameters=dict(locals()),
            name=name,
        )

    # TFP's class hands these to the bijector, whose cache they would then meet.
    forward = tfb.Bijector.forward
    inverse = tfb.Bijector.inverse
    forward_log_det_jacobian = tfb.Bijector.forward_log_det_jacobian
    inverse_log_det_jacobian = tfb.Bijector.inverse_log_det_jacobian

    def _forward_and_log_det(self, x, **kwargs):
        return inverse_and_log_det(self.bijector, x, **kwargs)

    def _inverse_and_log_det(self, y, **kwargs):
        return forward_and_log_det(self.bijector, y, **kwargs)
