"""A user's mistakes: the error says what came, what was expected and where."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors as b
from tfp_flows.conditioners import MADE, MLP


def coupling(mask=(True, False), conditioner=None, transformer=None):
    return b.Coupling(
        MLP([4]) if conditioner is None else conditioner,
        b.Affine.spec() if transformer is None else transformer,
        mask,
    )


MISTAKES = {
    "unlike u and w": (
        lambda: b.Planar(u=[1.0, 2.0], w=[1.0, 2.0, 3.0], b=0.0),
        ValueError,
        r"'planar'.*u, w.*\(2,\).*\(3,\)",
    ),
    "a number for u": (
        lambda: b.Planar(u=1.0, w=[1.0], b=0.0),
        ValueError,
        r"u must have rank 1.*\(\)",
    ),
    "batches that do not broadcast": (
        lambda: b.Planar(u=tf.ones([3, 2]), w=tf.ones([4, 2]), b=0.0),
        ValueError,
        r"broadcast.*\(3, 2\).*\(4, 2\)",
    ),
    "dtypes that differ": (
        lambda: b.Planar(u=np.ones(2, "float32"), w=np.ones(2), b=0.0),
        TypeError,
        "u is float32, w is float64",
    ),
    "integer parameters": (
        lambda: b.Linear(np.eye(2, dtype=int), [0.0, 0.0]),
        TypeError,
        "floating.*int64",
    ),
    "alpha of 0": (
        lambda: b.Radial(center=[0.0, 0.0], alpha=0.0, beta=1.0),
        ValueError,
        r"'radial'.*alpha must be positive.*0\.0",
    ),
    "a matrix that is not square": (
        lambda: b.Linear(tf.ones([2, 3]), tf.zeros(3)),
        ValueError,
        r"square.*\(2, 3\)",
    ),
    "a bias of another size": (
        lambda: b.Linear(tf.eye(2), tf.zeros(3)),
        ValueError,
        r"\(2, 2\).*\(3,\)",
    ),
    "no permutation": (
        lambda: b.Permutation([0, 0, 1]),
        ValueError,
        r"0 … D − 1.*\[0, 0, 1\]",
    ),
    "fractions for a permutation": (
        lambda: b.Permutation([0.0, 1.0]),
        ValueError,
        "integers",
    ),
    "a rotation of 3-D events": (
        lambda: b.Rotation2D.trainable(3),
        ValueError,
        "Rotation2D.*size 2.*3",
    ),
    "a cube of 1-D events": (
        lambda: b.ShiftAndCube.trainable(1),
        ValueError,
        "ShiftAndCube.*size 2.*1",
    ),
    "an event size of 0": (lambda: b.Planar.trainable(0), ValueError, "1 or more.*0"),
    "text for an event size": (
        lambda: b.Planar.trainable("2"),
        TypeError,
        "integer.*'2'",
    ),
    "an integer dtype": (
        lambda: b.Planar.trainable(2, dtype="int32"),
        TypeError,
        "floating.*int32",
    ),
    "a bound of 0": (
        lambda: b.Affine([0.0], [0.0], log_scale_bound=0.0),
        ValueError,
        r"log_scale_bound.*0\.0",
    ),
    "a mask that passes all": (lambda: coupling([1, 1]), ValueError, "true everywhere"),
    "a mask that passes nothing": (lambda: coupling([0, 0]), ValueError, "at least"),
    "a coupling of 1-D events": (lambda: coupling([1]), ValueError, "2 or more"),
    "a mask of numbers": (lambda: coupling([0.5, 1]), ValueError, "booleans.*0.5"),
    "a class as transformer": (
        lambda: coupling(transformer=b.Affine),
        TypeError,
        r"Affine\.spec\(\)",
    ),
    "a conditioner's class": (
        lambda: coupling(conditioner=MLP),
        TypeError,
        "layer or a function.*MLP",
    ),
    "text for a parameter": (
        lambda: b.Planar("a", [1.0], 0.0),
        TypeError,
        "'planar': u must be numbers.*'a'",
    ),
    "a spec of an instance": (
        lambda: b.TransformerSpec(tfb.Shift(1.0), {"shift": ()}),
        TypeError,
        "class.*Shift",
    ),
    "a spec with an unknown parameter": (
        lambda: b.TransformerSpec(tfb.Shift, {"shft": ()}),
        ValueError,
        r"\['shift'\].*\['shft'\]",
    ),
    "a spec of a map of vectors": (
        lambda: b.TransformerSpec(b.Planar, {"u": (2,), "w": (2,), "b": ()}),
        ValueError,
        "each dimension by itself.*Planar.*rank 1",
    ),
    "a spec with a bad option": (
        lambda: b.Affine.spec(log_scale_bound=-1.0),
        ValueError,
        r"log_scale_bound.*-1\.0",
    ),
    "a seed of text": (
        lambda: b.Planar.trainable(2, seed="a"),
        ValueError,
        "Planar: seed must be.*'a'",
    ),
    "a number as conditioner": (
        lambda: coupling(conditioner=3),
        TypeError,
        "layer or a function.*3",
    ),
    "a conditioner with a wrong output": (
        lambda: coupling(conditioner=keras.layers.Dense(7)),
        ValueError,
        "must give 2.*got 7",
    ),
    "a conditioner with a wrong input": (
        lambda: coupling(conditioner=built_for(3)),
        ValueError,
        "inputs of size 1",
    ),
}


def built_for(size):
    layer = keras.layers.Dense(2)
    layer.build((None, size))
    return layer


@pytest.mark.parametrize("mistake", MISTAKES)
def test_construction(mistake):
    make, error, message = MISTAKES[mistake]
    with pytest.raises(error, match=f"(?s){message}"):
        make()


METHODS = [
    "forward",
    "inverse",
    "forward_log_det_jacobian",
    "inverse_log_det_jacobian",
]
VECTOR_BIJECTORS = {
    "Planar": lambda dtype: b.Planar.trainable(2, dtype=dtype),
    "Radial": lambda dtype: b.Radial.trainable(2, dtype=dtype),
    "Linear": lambda dtype: b.Linear.trainable(2, dtype=dtype),
    "Rotation2D": lambda dtype: b.Rotation2D.trainable(2, dtype=dtype),
    "ShiftAndCube": lambda dtype: b.ShiftAndCube.trainable(2, dtype=dtype),
    "Coupling": lambda dtype: coupling(conditioner=MLP([4], dtype=dtype)),
    "Autoregressive": lambda dtype: b.Autoregressive(
        MADE(2, [4], dtype=dtype), b.Affine.spec()
    ),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [*VECTOR_BIJECTORS, "Permutation"])
def test_points_of_another_size(name, method):
    make = VECTOR_BIJECTORS.get(name, lambda _: b.Permutation([1, 0]))
    call = getattr(make("float32"), method)
    with pytest.raises(ValueError, match=r"size 2.*\(5, 3\)"):
        call(tf.ones([5, 3]))
    with pytest.raises(ValueError, match=r"size 2.*\(5, 1\)"):
        call(tf.ones([5, 1]))
    with pytest.raises(ValueError, match=r"rank 1.*\(\)"):
        call(tf.constant(1.0))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", VECTOR_BIJECTORS)
@pytest.mark.parametrize(
    "mine, theirs", [("float32", "float64"), ("float64", "float32")]
)
def test_points_of_another_dtype(name, method, mine, theirs):
    bijector = VECTOR_BIJECTORS[name](mine)
    with pytest.raises(TypeError, match=f"is {mine}.*{theirs}"):
        getattr(bijector, method)(tf.ones([5, 2], theirs))


def test_arrays_and_lists_are_converted_as_in_tfp():
    planar = b.Planar.trainable(2, seed=0)
    expected = planar.forward(tf.constant([[1.0, 2.0]]))
    for x in ([[1, 2]], np.array([[1.0, 2.0]]), np.array([[1, 2]])):
        np.testing.assert_array_equal(planar.forward(x), expected)


def test_parameters_that_do_not_broadcast_with_the_points():
    affine = b.Affine.trainable(3)
    with pytest.raises(ValueError, match=r"batch shape \(3,\).*\(5, 2\)"):
        affine.forward(tf.ones([5, 2]))


def test_the_error_comes_from_inside_a_chain_too():
    chain = tfb.Chain([tfb.Shift(1.0), b.Rotation2D(0.3)])
    with pytest.raises(ValueError, match=r"Rotation2D.*size 2"):
        chain.forward(tf.ones([5, 3]))


def test_alpha_that_becomes_negative_is_found_with_validate_args():
    alpha = tf.Variable(1.0)
    radial = b.Radial([0.0, 0.0], alpha, 1.0, validate_args=True)
    alpha.assign(-1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="alpha must be positive"):
        radial.forward([[1.0, 1.0]])


def test_a_spec_with_parameters_of_another_size():
    with pytest.raises(ValueError, match=r"Affine takes 2 parameters.*\(5, 3\)"):
        b.Affine.spec()(tf.ones([5, 3]))


def test_a_bijector_without_parameters_to_train():
    with pytest.raises(NotImplementedError, match="Permutation"):
        b.Permutation.trainable(2)
