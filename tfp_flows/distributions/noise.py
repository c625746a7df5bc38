"""Noise that makes points of integers, and its contexts."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.math.integers import IntegerRange


def uniform(shape: Sequence[int], x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draw uniform noise ``[*shape, *x.shape]``, strictly between 0 and 1.

    It is made of the bits of the generator, Philox for the reason that `StandardNormal`
    tells: they alone are the same eagerly and under XLA, where TensorFlow takes other
    bits for a number, unless the seed is a constant.
    """
    whole_shape = tf.concat([tf.constant(shape, tf.int32), tf.shape(x)], axis=0)
    bits = tf.random.stateless_uniform(
        whole_shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    # As many as leave one for the ½, with which it is neither 0 nor 1.
    used = min(32, np.finfo(x.dtype.as_numpy_dtype).nmant)
    steps = tf.cast(tf.bitwise.right_shift(bits, np.uint32(32 - used)), x.dtype)
    return (steps + 0.5) * 2.0**-used


def normal(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draw standard normal numbers, of the shape of ``x``."""
    shape = tf.shape(x)
    return tf.random.stateless_normal(shape, seed, dtype=x.dtype, alg="philox")


def flow_noise(
    flow: tfd.Distribution, shape: Sequence[int], seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw u = Φ(v) of samples v of a flow, and its log q, by one evaluation of it."""
    v, log_q = flow.experimental_sample_and_log_prob(shape, seed=seed)
    v = tf.ensure_shape(v, [*shape, *flow.batch_shape, *flow.event_shape])
    u = 0.5 * tf.math.erfc(-math.sqrt(0.5) * v)
    log_normal = -0.5 * (tf.square(v) + math.log(2.0 * math.pi))
    return u, log_q - tf.reduce_sum(log_normal, axis=event_axes(flow.event_shape))


def add_within(whole: tf.Tensor, u: tf.Tensor, size: np.ndarray) -> tf.Tensor:
    """Add the two, strictly between 0 and ``size`` as it would be without rounding."""
    dtype = u.dtype.as_numpy_dtype
    most = np.nextafter(size.astype(dtype), dtype(0.0))
    return tf.clip_by_value(whole + u, np.finfo(dtype).tiny, most)


def as_context(
    x: tf.Tensor, integers: IntegerRange, event_shape: tf.TensorShape
) -> tf.Tensor:
    """Scale and flatten integers ``[…, *event_shape]`` to ``[…, D]``, in [−1, 1]."""
    low = tf.cast(integers.low, x.dtype)
    halves = tf.cast(np.maximum(integers.count - 1.0, 1.0) / 2.0, x.dtype)
    batch = tf.shape(x)[: x.shape.rank - event_shape.rank]
    shape = tf.concat([batch, [event_shape.num_elements()]], axis=0)
    return tf.reshape((x - low) / halves - 1.0, shape)


def broadcast(x: tf.Tensor, flow: tfd.Distribution) -> tf.Tensor:
    """Give ``x`` the batch shape of the flow, too: each density has its own noise."""
    if flow.batch_shape.rank == 0:
        return x
    least = flow.batch_shape.concatenate(flow.event_shape)
    static = tf.broadcast_static_shape(x.shape, least)
    least = tf.concat([flow.batch_shape_tensor(), flow.event_shape], axis=0)
    x = tf.broadcast_to(x, tf.broadcast_dynamic_shape(tf.shape(x), least))
    return tf.ensure_shape(x, static)


def event_axes(event_shape: tf.TensorShape) -> list[int]:
    """The axes of an event."""
    return list(range(-event_shape.rank, 0))
