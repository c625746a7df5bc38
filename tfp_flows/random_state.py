"""Seeds: one rule for all, and random numbers that go on from call to call.

A seed is ``None``; an integer of any size; two integers, or a tensor of them; or a
``keras.random.SeedGenerator``, of which the next seed is taken. What is made of it
once, such as weights, needs an integer (`as_integer`); what is drawn at a call needs a
stateless seed (`as_stateless`). Equal seeds give equal numbers, and different ones
others: none is cut off to fewer digits.
"""

import hashlib
import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# A seed, as makers of flows, networks and bijectors take it.
Seed = Any
_KINDS = (
    "None, an integer, a pair of integers, a tensor of two, or a "
    "keras.random.SeedGenerator"
)
_LIMIT = 2**31


def as_integer(seed: Seed, where: str = "seed") -> int | None:
    """Give an integer that is not negative for a seed of any kind; ``None`` for none.

    Integers that are not negative stay as they are.

    Args:
        seed: any.
        where: the owner and the name of the argument, for the message.

    Raises:
        ValueError: no seed; or a tensor whose value is not known yet.

    >>> as_integer(3), as_integer(2**40), as_integer(-1) == as_integer(-1)
    (3, 1099511627776, True)
    """
    numbers = _numbers(seed, where)
    if numbers is None:
        return None
    if tf.is_tensor(numbers):
        raise ValueError(
            f"{where} must be known where something is made of it, but got the "
            f"symbolic tensor {seed!r}: give a number, or make it outside of the "
            "tf.function."
        )
    if len(numbers) == 1 and numbers[0] >= 0:
        return numbers[0]
    return _digest(numbers)


def split_seed(seed: Seed, num: int, where: str = "seed") -> list[int]:
    """``num`` independent seeds from one.

    Without a seed they come from Python's own generator, which
    ``keras.utils.set_random_seed`` sets along with the others.

    Raises:
        ValueError: as `as_integer`.
    """
    entropy = as_integer(seed, where)
    if entropy is None:
        entropy = random.getrandbits(32)
    states = np.random.SeedSequence(entropy).generate_state(num)
    return [int(state) >> 1 for state in states]  # Keras takes signed 32-bit seeds.


def as_int32(seed: Seed, where: str) -> int:
    """An integer that is not negative and that int32 holds, for a seed of any kind.

    Those that are such stay as they are.

    Raises:
        ValueError: as `as_integer`.
    """
    number = as_integer(seed, where)
    if number is not None and number < _LIMIT:
        return number
    return split_seed(number, 1)[0]


def as_state(seed: Seed, where: str) -> tf.Variable:
    """A state, ``[2]``: the seed that it started from, and how many it has given.

    It is an int64, for TensorFlow keeps no int32 variables on a GPU, and XLA there
    reaches none elsewhere.

    Args:
        seed: any; ``None`` for one of Python's generator; or a state, which is then
            shared, as between a distribution and its copies.
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
        [split_seed(seed, 1, f"{where}: seed")[0], 0],
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


def as_stateless(seed: Seed, where: str) -> tf.Tensor:
    """A stateless seed, ``[2]`` of int32, of a seed of any kind but ``None``.

    TFP's own integer seeds give other numbers at each call; these do not. Numbers that
    int32 holds stay as they are, others are hashed.

    Raises:
        ValueError: no seed.
    """
    numbers = _numbers(seed, f"{where}: seed")
    if numbers is None:
        raise ValueError(f"{where}: seed must be given here, but got None.")
    if tf.is_tensor(numbers):
        return _folded(tf.cast(numbers, tf.int64))
    pair = (0, *numbers) if len(numbers) == 1 else numbers
    if any(not -_LIMIT <= number < _LIMIT for number in pair):
        words = _digest(numbers).to_bytes(16, "little")
        return tf.constant(np.frombuffer(words[:8], "<i4"))
    return tf.constant(pair, tf.int32)


def _numbers(seed: Any, where: str) -> tuple[int, ...] | tf.Tensor | None:
    """The number or the two of a seed; a tensor ``[2]`` if they are not known yet."""
    if seed is None:
        return None
    if isinstance(seed, keras.random.SeedGenerator):
        seed = seed.next()
    if isinstance(seed, keras.Variable | tf.Variable):
        seed = tf.convert_to_tensor(seed)
    if _is_symbolic(seed):
        if not seed.dtype.is_integer or not seed.shape.is_compatible_with([2]):
            raise _mistake(seed, where)
        return tf.ensure_shape(seed, [2])
    is_array = tf.is_tensor(seed) or isinstance(seed, np.ndarray)
    if is_array and seed.dtype == object:
        raise _mistake(seed, where)
    entries = np.asarray(seed).tolist() if is_array else seed
    pair = entries if isinstance(entries, list | tuple) else (entries,)
    is_pair = isinstance(entries, list | tuple) and len(pair) == 2
    if not (is_pair or pair is not entries) or not all(map(_is_integer, pair)):
        raise _mistake(seed, where)
    return tuple(map(int, pair))


def _mistake(seed, where: str) -> ValueError:
    return ValueError(f"{where} must be {_KINDS}, but got {seed!r}.")


def _is_symbolic(value) -> bool:
    return tf.is_tensor(value) and not hasattr(value, "numpy")


def _is_integer(value) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _digest(numbers: tuple[int, ...]) -> int:
    """A number of 128 bits; of one number and of a pair, others."""
    text = ",".join(map(str, numbers))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def _folded(pair: tf.Tensor) -> tf.Tensor:
    """A pair of int64 as one of int32: as it is if that holds it, else mixed."""
    low, high = tf.unstack(tf.bitcast(pair, tf.int32), axis=-1)  # Of the digits.
    # The upper digits of a number that int32 holds repeat its sign.
    rest = high ^ tf.bitwise.right_shift(low, 31)
    mixed = low
    for index in range(2):
        mixed = tf.random.experimental.stateless_fold_in(
            mixed, rest[index], alg="philox"
        )
    return tf.where(tf.reduce_any(rest != 0), mixed, low)


class SampledBySeed:
    """A mix-in of distributions: the package's rule for seeds and for numbers of draws.

    It goes before TFP's class among the bases.
    """

    name: str

    def sample(
        self,
        sample_shape: Any = (),
        seed: Seed = None,
        name: str = "sample",
        **kwargs: Any,
    ) -> Any:
        """Draw samples of shape ``[*sample_shape, *batch_shape, *event_shape]``.

        Args:
            sample_shape: a number of draws, or several.
            seed: ``None``; an integer of any size, a pair of them, a tensor of two: the
                same ones give the same samples at every call (TFP's own integer seeds
                do not); or a ``keras.random.SeedGenerator``.
            name: as in TFP.
            **kwargs: as in TFP.

        Raises:
            TypeError: a number of draws that is no integer.
            ValueError: no such seed; a negative number of draws.
        """
        shape, seed = self._checked_draw(sample_shape, seed, "sample")
        draw: Any = super()
        return draw.sample(shape, seed=seed, name=name, **kwargs)

    def experimental_sample_and_log_prob(
        self,
        sample_shape: Any = (),
        seed: Seed = None,
        name: str = "sample_and_log_prob",
        **kwargs: Any,
    ) -> tuple:
        """Draw as `sample` does; give the log-densities, in nats, along with the draws.

        Args:
            sample_shape: as of `sample`.
            seed: as of `sample`.
            name: as in TFP.
            **kwargs: as in TFP.

        Raises:
            TypeError, ValueError: as `sample`.
        """
        shape, seed = self._checked_draw(
            sample_shape, seed, "experimental_sample_and_log_prob"
        )
        draw: Any = super()
        return draw.experimental_sample_and_log_prob(
            shape, seed=seed, name=name, **kwargs
        )

    def _checked_draw(self, sample_shape, seed, method: str) -> tuple:
        where = f"{self.name!r}.{method}"
        shape = checked_sample_shape(sample_shape, where)
        if seed is None or type(seed).__module__.startswith("tensorflow_probability"):
            return shape, seed  # What TFP's own parts hand on to others.
        return shape, as_stateless(seed, where)


def checked_sample_shape(shape: Any, where: str) -> Any:
    """A number of draws, or several, as it came.

    Args:
        shape: an integer, integers, a ``tf.TensorShape``, or a tensor of integers.
        where: the method, for the message.

    Raises:
        TypeError: no integers.
        ValueError: a negative one.
    """
    value = shape.as_list() if isinstance(shape, tf.TensorShape) else shape
    if _is_symbolic(value):
        if not value.dtype.is_integer or (value.shape.rank or 0) > 1:
            raise _shape_mistake(shape, where)
        return shape
    is_array = tf.is_tensor(value) or isinstance(value, np.ndarray)
    entries = np.asarray(value).tolist() if is_array else value
    entries = list(entries) if isinstance(entries, list | tuple) else [entries]
    # Of several, some may be tensors, within a tf.function.
    known = [entry for entry in entries if not tf.is_tensor(entry)]
    if not all(map(_is_integer, known)):
        raise _shape_mistake(shape, where)
    if any(entry < 0 for entry in known):
        raise ValueError(
            f"{where}: the number of samples must be 0 or more, but got {shape!r}."
        )
    return shape


def _shape_mistake(shape, where: str) -> TypeError:
    return TypeError(
        f"{where}: the number of samples must be an integer, or several such as "
        f"[10, 2], but got {shape!r}."
    )
