"""One seed for the user, independent ones for the parts."""

import random

import numpy as np


def split_seed(seed: int | None, num: int) -> list[int]:
    """``num`` independent seeds from one.

    Without a seed they come from Python's own generator, which
    ``keras.utils.set_random_seed`` sets along with the others.
    """
    entropy = random.getrandbits(32) if seed is None else seed
    states = np.random.SeedSequence(entropy).generate_state(num)
    return [int(state) >> 1 for state in states]  # Keras takes signed 32-bit seeds.
