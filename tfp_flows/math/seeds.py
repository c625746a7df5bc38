"""One seed for the user, independent ones for the parts."""

import random

import numpy as np


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
