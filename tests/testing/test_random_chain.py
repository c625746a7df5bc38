"""Random compositions of bijectors: `make fuzz` tries more of them."""

import dataclasses
import os

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.testing import random_chain

SEEDS = int(os.environ.get("SEEDS", 8))
XLA_SEEDS = int(os.environ.get("XLA_SEEDS", 0))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_chain(seed):
    random_chain(seed).check(jit_compile=seed < XLA_SEEDS)


def test_equal_seeds_give_equal_compositions():
    a, b = random_chain(7), random_chain(7)
    assert a.recipe == b.recipe != random_chain(8).recipe
    np.testing.assert_array_equal(
        a.bijector.forward(tf.constant(a.x, a.dtype)),
        b.bijector.forward(tf.constant(b.x, b.dtype)),
    )


class _WrongLogDet(tfb.Scale):
    def _forward_log_det_jacobian(self, x):
        return 1.01 * super()._forward_log_det_jacobian(x)


def test_a_wrong_part_is_found():
    chain = next(c for c in map(random_chain, range(20)) if c.dtype == "float64")
    wrong = tfb.Chain([_WrongLogDet(tf.constant(3.0, tf.float64)), chain.bijector])
    with pytest.raises(AssertionError, match=rf"random_chain\({chain.seed}\)"):
        dataclasses.replace(chain, bijector=wrong).check()
