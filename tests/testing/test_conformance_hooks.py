"""Stochastic log-determinants, and maps of manifolds, in the conformance check."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors import Affine, Bijector
from tfp_flows.testing import assert_bijector_conforms

X = np.random.default_rng(0).normal(size=[8, 2])


class Estimated(Affine):
    """Its log-slopes are right in the mean, or off by ``bias``."""

    bias = 0.0

    def _noisy(self, x, value):
        image, log_slope = value
        noise = 0.1 * tf.random.normal(tf.shape(x), dtype=x.dtype)
        return image, log_slope + self.bias + noise

    def _forward_and_log_det(self, x):
        return self._noisy(x, super()._forward_and_log_det(x))

    def _inverse_and_log_det(self, y):
        return self._noisy(y, super()._inverse_and_log_det(y))


class Biased(Estimated):
    bias = 0.5


def test_a_stochastic_log_determinant():
    assert_bijector_conforms(Estimated.trainable(2), X, log_det_draws=30, extreme=None)
    with pytest.raises(AssertionError, match="log-determinant against autodiff"):
        assert_bijector_conforms(Biased.trainable(2), X, log_det_draws=30)


class Stretch(Bijector):
    """Of the circle: the angle a becomes a + s·sin(a)/2 for s = tanh(slope)."""

    factor = 1.0

    def __init__(self, slope, validate_args=False, name="stretch"):
        super().__init__(dict(locals()), event_size=2)

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"slope": tfp.util.ParameterProperties()}

    @classmethod
    def _initial_parameters(cls, event_size, rng):
        return {"slope": 0.3}

    def _forward_and_log_det(self, x):
        angle = tf.atan2(x[..., 1], x[..., 0])
        s = 0.5 * tf.tanh(self.slope)
        turned = angle + s * tf.sin(angle)
        y = tf.stack([tf.cos(turned), tf.sin(turned)], axis=-1)
        return y, self.factor * tf.math.log1p(s * tf.cos(angle))

    def _inverse_and_log_det(self, y):
        turned = tf.atan2(y[..., 1], y[..., 0])
        s = 0.5 * tf.tanh(self.slope)
        angle = turned
        for _ in range(60):
            angle = turned - s * tf.sin(angle)
        x = tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)
        return x, -self.factor * tf.math.log1p(s * tf.cos(angle))


class WrongStretch(Stretch):
    factor = 2.0


def tangents(points):
    """Of the circle, orthonormal, ``[N, 1, 2]``."""
    points = np.asarray(points, np.float64)
    return np.stack([-points[:, 1], points[:, 0]], axis=-1)[:, np.newaxis]


def test_a_map_of_the_circle():
    x = X / np.linalg.norm(X, axis=-1, keepdims=True)
    options = {"tangents": tangents, "extreme": None, "spread": 0.3}
    stretch = Stretch.trainable(2, dtype="float64")
    assert_bijector_conforms(stretch, x, **options)
    with pytest.raises(AssertionError, match="log-determinant against autodiff"):
        assert_bijector_conforms(
            WrongStretch.trainable(2, dtype="float64"), x, **options
        )
