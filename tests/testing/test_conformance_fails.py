"""The conformance check finds what is wrong: each fault, planted, is reported."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Affine, Planar, Rotation2D, ShiftAndCube
from tfp_flows.testing import assert_bijector_conforms

X = np.random.default_rng(0).normal(size=[8, 2])


class WrongLogDet(ShiftAndCube):
    def _forward_and_log_det(self, x):
        y, _ = super()._forward_and_log_det(x)
        return y, tf.ones([], x.dtype)


class Reflection(Rotation2D):
    def _forward_and_log_det(self, x):
        y, log_det = super()._forward_and_log_det(x)
        return y * [1.0, -1.0], log_det


class Imprecise(Affine):
    def _inverse_and_log_det(self, y):
        x, log_slope = super()._inverse_and_log_det(y)
        return x * (1 + 1e-4), log_slope


class Frozen(Affine):
    def _forward_and_log_det(self, x):
        y = x * tf.exp(self.log_scale) + tf.stop_gradient(self.shift)
        return y, tf.convert_to_tensor(self.log_scale)


class Decreasing(Affine):
    @classmethod
    def _is_increasing(cls):
        return False


class NotConstant(Planar):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._is_constant_jacobian = True


class OnlyEager(Planar):
    def _forward_and_log_det(self, x):
        y, log_det = super()._forward_and_log_det(x)
        return (y if tf.executing_eagerly() else x), log_det


class NaNFarOut(ShiftAndCube):
    def _forward_and_log_det(self, x):
        y, log_det = super()._forward_and_log_det(x)
        return tf.where(tf.abs(x) > 100, np.nan, y), log_det


@pytest.mark.parametrize(
    "cls, message, options",
    [
        (WrongLogDet, "log-determinant against autodiff", {}),
        (Reflection, r"forward\(inverse\(y\)\)", {}),
        (Imprecise, r"forward\(inverse\(y\)\)", {}),
        (Frozen, "gradient of forward by", {}),
        (Decreasing, "monotonicity", {}),
        (NotConstant, "constant log-determinant", {}),
        (OnlyEager, r"in a tf\.function", {}),
        (NaNFarOut, "extreme.*not finite", {}),
        (ShiftAndCube, "not triangular", {"order": [1, 0]}),
    ],
)
def test_fault(cls, message, options):
    with pytest.raises(AssertionError, match=message):
        assert_bijector_conforms(cls.trainable(2, seed=0), X, **options)


class Undeclared(tfb.Bijector):
    """A plain bijector of TFP that does not declare its parameters."""

    def __init__(self):
        super().__init__(
            forward_min_event_ndims=0, name="undeclared", is_constant_jacobian=True
        )

    def _forward(self, x):
        return 2 * x

    def _inverse(self, y):
        return y / 2

    def _forward_log_det_jacobian(self, x):
        return tf.constant(np.log(2.0), x.dtype)


def test_a_plain_bijector_conforms():
    assert_bijector_conforms(Undeclared(), X)


@pytest.mark.parametrize("given", [Planar, tfd.Normal(0.0, 1.0), 3])
def test_neither_a_bijector_nor_a_function(given):
    with pytest.raises(TypeError, match="a bijector or a function"):
        assert_bijector_conforms(given, X)


def test_points_without_a_batch():
    with pytest.raises(ValueError, match=r"\(2,\)"):
        assert_bijector_conforms(ShiftAndCube(1.0), [0.0, 1.0])
