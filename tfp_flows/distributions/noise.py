"""Noise that makes points of integers, and what it depends on."""

import math

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.math.integers import IntegerRange


def uniform(shape, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Uniform noise ``[*shape, *x.shape]``, strictly between 0 and 1.

    Made of the bits of the generator, Philox for the reason that `StandardNormal`
    tells, for they alone are the same eagerly and under XLA: there TensorFlow takes
    other bits for a number, unless the seed is a constant.
    """
    shape = tf.concat([tf.constant(shape, tf.int32), tf.shape(x)], axis=0)
    bits = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    # As many as leave one for the ½, with which it is neither 0 nor 1.
    used = min(32, np.finfo(x.dtype.as_numpy_dtype).nmant)
    steps = tf.cast(tf.bitwise.right_shift(bits, np.uint32(32 - used)), x.dtype)
    return (steps + 0.5) * 2.0**-used


def normal(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Standard normal numbers, of the shape of ``x``."""
    shape = tf.shape(x)
    return tf.random.stateless_normal(shape, seed, dtype=x.dtype, alg="philox")


def of_flow(
    given: tfd.Distribution, shape, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Noise u = Φ(v) of v from a flow, and its log q, in one evaluation of the flow."""
    v, log_q = given.experimental_sample_and_log_prob(shape, seed=seed)
    v = tf.ensure_shape(v, [*shape, *given.batch_shape, *given.event_shape])
    u = 0.5 * tf.math.erfc(-math.sqrt(0.5) * v)
    log_normal = -0.5 * (tf.square(v) + math.log(2.0 * math.pi))
    return u, log_q - tf.reduce_sum(log_normal, axis=last_axes(given.event_shape))


def add_within(whole: tf.Tensor, u: tf.Tensor, size: np.ndarray) -> tf.Tensor:
    """The sum, strictly between 0 and ``size``, as it would be without rounding."""
    dtype = u.dtype.as_numpy_dtype
    most = np.nextafter(size.astype(dtype), dtype(0.0))
    return tf.clip_by_value(whole + u, np.finfo(dtype).tiny, most)


def as_context(
    x: tf.Tensor, integers: IntegerRange, event_shape: tf.TensorShape
) -> tf.Tensor:
    """Integers ``[…, *event_shape]`` as ``[…, D]``, in [−1, 1]."""
    halves = np.maximum(integers.count - 1.0, 1.0) / 2.0
    low, halves = (tf.cast(part, x.dtype) for part in (integers.low, halves))
    batch = tf.shape(x)[: x.shape.rank - event_shape.rank]
    shape = tf.concat([batch, [event_shape.num_elements()]], axis=0)
    return tf.reshape((x - low) / halves - 1.0, shape)


def broadcast(x: tf.Tensor, flow: tfd.Distribution) -> tf.Tensor:
    """``x`` with the batch shape of the flow, too: each density has its own noise."""
    if flow.batch_shape.rank == 0:
        return x
    least = flow.batch_shape.concatenate(flow.event_shape)
    static = tf.broadcast_static_shape(x.shape, least)
    least = tf.concat([flow.batch_shape_tensor(), flow.event_shape], axis=0)
    found = tf.broadcast_to(x, tf.broadcast_dynamic_shape(tf.shape(x), least))
    return tf.ensure_shape(found, static)


def last_axes(event_shape: tf.TensorShape) -> list[int]:
    """The axes of an event."""
    return list(range(-event_shape.rank, 0))
