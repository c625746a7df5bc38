"""Values together with their log-determinants, by any bijector."""

import functools
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.evaluated import Evaluated

# Around parts that are no composite tensors TFP's constructors give these classes.
TFPChain = tfb.Chain.__bases__[0]
TFPInvert = tfb.Invert.__bases__[0]


@tf.autograph.experimental.do_not_convert
def forward_and_log_det(
    bijector: tfb.Bijector, x: Any, event_ndims: int | None = None, **kwargs: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """``forward`` and its log-determinant by any bijector, chains walked once.

    A bijector of TFP's is entered at a fresh tensor, of which its cache knows nothing.

    Args:
        bijector: any bijector.
        x: points, base side.
        event_ndims: the rank of one event of ``x``; the bijector's least if not given.
        **kwargs: further arguments of the bijector.
    """
    if isinstance(bijector, Evaluated):
        return bijector.forward_and_log_det(x, event_ndims, **kwargs)
    if isinstance(bijector, TFPChain):
        return walk_forward(bijector, x, event_ndims, **kwargs)
    if isinstance(bijector, TFPInvert):
        return inverse_and_log_det(bijector.bijector, x, event_ndims, **kwargs)
    x = tf.nest.map_structure(tf.identity, x)
    y = bijector.forward(x, **kwargs)
    return y, bijector.forward_log_det_jacobian(x, event_ndims, **kwargs)


@tf.autograph.experimental.do_not_convert
def inverse_and_log_det(
    bijector: tfb.Bijector, y: Any, event_ndims: int | None = None, **kwargs: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """``inverse`` and its log-determinant by any bijector, chains walked once.

    Args:
        bijector: any bijector.
        y: points, data side.
        event_ndims: the rank of one event of ``y``; the bijector's least if not given.
        **kwargs: further arguments of the bijector.
    """
    if isinstance(bijector, Evaluated):
        return bijector.inverse_and_log_det(y, event_ndims, **kwargs)
    if isinstance(bijector, TFPChain):
        return walk_inverse(bijector, y, event_ndims, **kwargs)
    if isinstance(bijector, TFPInvert):
        return forward_and_log_det(bijector.bijector, y, event_ndims, **kwargs)
    y = tf.nest.map_structure(tf.identity, y)
    x = bijector.inverse(y, **kwargs)
    return x, bijector.inverse_log_det_jacobian(y, event_ndims, **kwargs)


def walk_forward(
    chain: tfb.Bijector, x: Any, event_ndims: int | None = None, **kwargs: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """``forward`` of a chain, part by part, and the sum of the log-determinants."""
    ndims = chain.forward_min_event_ndims if event_ndims is None else event_ndims
    total = 0.0
    for part in reversed(chain.bijectors):
        part_kwargs = kwargs.get(part.name, {})
        is_evaluated = isinstance(part, Evaluated)
        by_any = functools.partial(forward_and_log_det, part)
        evaluate = part.forward_and_log_det if is_evaluated else by_any
        x, log_det = evaluate(x, ndims, **part_kwargs)
        ndims = part.forward_event_ndims(ndims, **part_kwargs)
        total = total + log_det
    return x, total


def walk_inverse(
    chain: tfb.Bijector, y: Any, event_ndims: int | None = None, **kwargs: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """``inverse`` of a chain, part by part, and the sum of the log-determinants."""
    ndims = chain.inverse_min_event_ndims if event_ndims is None else event_ndims
    total = 0.0
    for part in chain.bijectors:
        part_kwargs = kwargs.get(part.name, {})
        is_evaluated = isinstance(part, Evaluated)
        by_any = functools.partial(inverse_and_log_det, part)
        evaluate = part.inverse_and_log_det if is_evaluated else by_any
        y, log_det = evaluate(y, ndims, **part_kwargs)
        ndims = part.inverse_event_ndims(ndims, **part_kwargs)
        total = total + log_det
    return y, total
