"""Seeds, and random numbers that go on from call to call."""

import random
from typing import Any

import numpy as np
import tensorflow as tf


def split_seed(seed: int | None, num: int) -> list[int]:
    """``num`` independent seeds from one.

    Without a seed they come from Python's own generator, which
    ``keras.utils.set_random_seed`` sets along with the others.

    Raises:
        ValueError: a seed that is no integer, or negative.
    """
    is_int = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if seed is not None and not (is_int and seed >= 0):
        raise ValueError(
            f"seed must be an integer that is not negative, or None, but got {seed!r}."
        )
    entropy = random.getrandbits(32) if seed is None else seed
    states = np.random.SeedSequence(entropy).generate_state(num)
    return [int(state) >> 1 for state in states]  # Keras takes signed 32-bit seeds.


def as_state(seed: Any, where: str) -> tf.Variable:
    """A state, ``[2]``: the seed that it started from, and how many it has given.

    It is an int64, for TensorFlow keeps no int32 variables on a GPU, and XLA there
    reaches none elsewhere.

    Args:
        seed: an integer; ``None`` for one of Python's generator; or a state, which is
            then shared, as between a distribution and its copies.
        where: the owner of the argument, for the message.

    Raises:
        ValueError: no such seed.
    """
    if isinstance(seed, tf.Variable):
        if seed.shape != [2] or seed.dtype != tf.int64:
            raise ValueError(
                f"{where}: a seed that is a tf.Variable must be a state, two numbers "
                f"of int64, but got shape {seed.shape} and dtype {seed.dtype.name}."
            )
        return seed
    return tf.Variable(
        [split_seed(seed, 1)[0], 0],
        trainable=False,
        dtype=tf.int64,
        # All replicas count alike, and each makes seeds of its own of the number.
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        name="random_state",
    )


def next_seed(state: tf.Variable) -> tf.Tensor:
    """A new stateless seed, ``[2]``; the state goes on by one."""
    seed, number = tf.unstack(state.read_value())
    state.assign_add(tf.constant([0, 1], tf.int64))
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        replica_id = tf.cast(replica.replica_id_in_sync_group, tf.int64)
        number = number * replica.num_replicas_in_sync + replica_id
    return tf.cast(tf.stack([seed, number]), tf.int32)


def as_stateless(seed: Any, where: str) -> tf.Tensor:
    """A stateless seed, ``[2]``, of an integer or of one such seed.

    TFP's own integer seeds give other numbers at each call; these do not.

    Raises:
        ValueError: no such seed; an integer beyond int32, which would be that of
            another.
    """
    if not tf.is_tensor(seed):
        numbers = np.asarray(seed)
        if numbers.dtype.kind not in "iu" or numbers.shape not in ((), (2,)):
            raise ValueError(
                f"{where}: seed must be 1 or 2 integers, but got {seed!r}."
            )
        if np.any(numbers != numbers.astype(np.int32)):
            raise ValueError(
                f"{where}: seed must be within int32, −2³¹ … 2³¹ − 1, but got {seed!r}."
            )
        seed = numbers if numbers.ndim else np.array([0, seed])
    elif not seed.dtype.is_integer or not seed.shape.is_compatible_with([2]):
        raise ValueError(
            f"{where}: a seed that is a tensor must be two integers, but got shape "
            f"{tuple(seed.shape)} and dtype {seed.dtype.name}."
        )
    return tf.cast(seed, tf.int32)
