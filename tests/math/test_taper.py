"""What a conditioner sees of numbers that are far out."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.math import taper, untaper

FAR = [0.0, 1e-3, 2.9, 3.0, 3.1, 50.0, 1e4, 1e30]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_near_as_it_is_and_beyond_by_the_formula(dtype):
    x = np.array(FAR, dtype)
    expected = np.where(x <= 3.0, x, 3.0 + np.log(np.maximum(x - 2.0, 1.0)))
    for sign in (1.0, -1.0):
        found = taper(tf.constant(sign * x, dtype)).numpy()
        np.testing.assert_allclose(found, sign * expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_inverse_as_far_out_as_there_are_numbers(dtype):
    x = np.array([*FAR, *np.negative(FAR), 0.9 * float(tf.as_dtype(dtype).max)], dtype)
    back = untaper(taper(tf.constant(x))).numpy()
    np.testing.assert_allclose(back, x, rtol=1e2 * np.finfo(dtype).eps)


def test_one_slope_from_both_sides():
    x = np.array([-3.0, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        near = [tf.Variable(x * (1.0 + nudge)) for nudge in (-1e-9, 0.0, 1e-9)]
        images = [taper(each) for each in near]
        backs = [untaper(each) for each in near]
    for image, back, each in zip(images, backs, near, strict=True):
        np.testing.assert_allclose(tape.gradient(image, each), 1.0, rtol=1e-6)
        np.testing.assert_allclose(tape.gradient(back, each), 1.0, rtol=1e-6)


@pytest.mark.parametrize("function", [taper, untaper])
def test_infinities_and_nan_stay_by_themselves(function):
    x = tf.Variable([np.inf, -np.inf, np.nan, 1.0])
    with tf.GradientTape() as tape:
        y = function(x)
    assert np.isnan(y[2]) and y[3] == 1.0 and y[0] > 50.0 > -50.0 > y[1]
    slopes = tape.gradient(y, x).numpy()
    assert slopes[3] == 1.0 and not np.isnan(slopes[:2]).any()
