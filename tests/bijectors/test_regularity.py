"""With ``validate_args`` a map that has no inverse is an error that names the layer."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors as b

X = tf.constant([[0.5, 1.0], [2.0, -1.0]])
# Of rank 1 after rounding, too; in the second a pivot is lost to underflow.
SINGULAR = {
    "zero": lambda v: b.Linear(tf.zeros([2, 2]), [0.0, 0.0], v, name="layer"),
    "rank": lambda v: b.Linear([[0.1, 0.3], [0.7, 2.1]], [0.0, 0.0], v, name="layer"),
    "pivot": lambda v: b.LULinear(
        np.diag(np.float32([0.0, -200.0])), [0.0] * 2, None, None, v, "layer"
    ),
    "convolution": lambda v: b.InvertibleConvolution1x1(
        b.Linear(tf.zeros([2, 2]), [0.0, 0.0]), v, "layer"
    ),
}


@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("name", SINGULAR)
def test_a_singular_map_is_named(name, in_graph):
    inverse = SINGULAR[name](True).inverse
    inverse = tf.function(inverse) if in_graph else inverse
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"layer\W+ is not invertible"
    ):
        inverse(tf.identity(X))


def test_a_zero_scale_is_named():
    spread = b.Standardize(2, validate_args=True)
    spread.scale.assign([0.0, 1.0])
    for method in (spread.forward_and_log_det, spread.inverse_and_log_det):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Standardize"):
            method(tf.identity(X))


def test_regular_maps_and_rows_of_nan_are_left_alone():
    linear = b.Linear([[0.1, 0.3], [0.7, 2.2]], [0.0, 0.0], validate_args=True)
    plain = b.Linear([[0.1, 0.3], [0.7, 2.2]], [0.0, 0.0])
    x = tf.constant([[np.nan, 1.0], [2.0, -1.0]])
    for points in (X, x):
        np.testing.assert_array_equal(linear.inverse(points), plain.inverse(points))
    np.testing.assert_array_equal(
        tf.vectorized_map(linear.inverse, X), tf.vectorized_map(plain.inverse, X)
    )
