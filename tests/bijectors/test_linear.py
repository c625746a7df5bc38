"""The linear bijectors: what their parameters mean, where they start, what they are."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors as b

TRAINABLE = [b.LULinear, b.QRLinear, b.Householder, b.OrthogonalExponential]
BETWEEN_LAYERS = {
    **{cls.__name__: cls.trainable for cls in TRAINABLE},
    "permuted LULinear": functools.partial(b.LULinear.trainable, permute=True),
    "Permutation.random": b.Permutation.random,
    "Permutation.reverse": b.Permutation.reverse,
}
RNG = np.random.default_rng(0)


def matrix_of(bijector, size, dtype="float64"):
    """W of y = xW + b, in float64."""
    zero = tf.zeros([1, size], dtype)
    rows = bijector.forward(tf.eye(size, dtype=dtype)) - bijector.forward(zero)
    return rows.numpy().astype("float64")


def assert_orthogonal(q, dtype, roundings):
    error = np.abs(q @ q.T - np.eye(len(q))).max()
    assert error <= roundings * np.finfo(dtype).eps


@pytest.mark.parametrize("name", BETWEEN_LAYERS)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_they_are_made_alike(name, size):
    make = BETWEEN_LAYERS[name]
    x = RNG.normal(size=[7, size])
    first, same = (make(size, seed=3, dtype="float64") for _ in range(2))
    y = first.forward(x)
    np.testing.assert_array_equal(y, same.forward(x))
    np.testing.assert_allclose(first.inverse(tf.identity(y)), x, atol=1e-12)
    assert first.event_size == size
    assert make(size).event_size == size
    if "ermut" not in name:  # The others start at the identity.
        np.testing.assert_allclose(y, x, atol=1e-12)


@pytest.mark.parametrize("name", ["Permutation.random", "permuted LULinear"])
def test_a_random_permutation_depends_on_its_seed(name):
    make = BETWEEN_LAYERS[name]
    drawn = {tuple(make(6, seed=seed).permutation) for seed in range(5)}
    assert len(drawn) == 5
    assert all(sorted(p) == list(range(6)) for p in drawn)


def test_permutation_reverse():
    y = b.Permutation.reverse(3).forward([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(y, [3.0, 2.0, 1.0])


@pytest.mark.parametrize("cls", TRAINABLE)
def test_every_parameter_can_leave_the_start(cls):
    bijector = cls.trainable(4, seed=0, dtype="float64")
    x, weights = RNG.normal(size=[2, 9, 4])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(bijector.forward(x) * weights)
        loss -= tf.reduce_sum(bijector.forward_log_det_jacobian(x))
    gradients = tape.gradient(loss, bijector.trainable_variables)
    for variable, gradient in zip(bijector.trainable_variables, gradients, strict=True):
        used = np.ones(variable.shape, bool)
        if variable.name.startswith("generator"):
            used = ~np.eye(4, dtype=bool)
        if variable.name.startswith("upper"):
            used = np.triu(used)
        assert np.all((np.abs(gradient) > 1e-6) == used), variable.name


@pytest.mark.parametrize("cls", [b.Householder, b.OrthogonalExponential, b.QRLinear])
def test_training_leaves_the_start(cls):
    """A third of a turn is learned from the identity."""
    x = RNG.normal(size=[50, 2])
    target = b.Rotation2D(np.float64(2 * np.pi / 3)).forward(x)
    bijector = cls.trainable(2, seed=0, dtype="float64")
    variables = bijector.trainable_variables
    optimizer = keras.optimizers.Adam(0.1)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((bijector.forward(x) - target) ** 2)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    assert loss < 0.05


# Each against its factors, by NumPy.


def test_lu_linear_is_its_factors():
    packed, bias = RNG.normal(size=[4, 4]), RNG.normal(size=4)
    lower = np.tril(packed, -1) + np.eye(4)
    upper = np.triu(packed, 1) + np.diag(np.exp(np.diag(packed)))
    order = np.array([2, 0, 3, 1])
    linear = b.LULinear(packed, bias, order)
    x = RNG.normal(size=[5, 4])
    np.testing.assert_allclose(linear.forward(x), x[:, order] @ lower @ upper + bias)
    expected = np.linalg.slogdet(np.eye(4)[:, order] @ lower @ upper)[1]
    np.testing.assert_allclose(linear.forward_log_det_jacobian(x[0]), expected)


def reflections(vectors):
    q = np.eye(vectors.shape[1])
    for v in vectors:
        q = q @ (np.eye(len(v)) - 2 * np.outer(v, v) / (v @ v))
    return q


def test_qr_linear_is_its_factors():
    vectors, packed = RNG.normal(size=[3, 4]), RNG.normal(size=[4, 4])
    bias = RNG.normal(size=4)
    upper = np.triu(packed, 1) + np.diag(np.exp(np.diag(packed)))
    linear = b.QRLinear(vectors, packed, bias)
    x = RNG.normal(size=[5, 4])
    np.testing.assert_allclose(
        linear.forward(x), x @ reflections(vectors) @ upper + bias
    )
    sign, expected = np.linalg.slogdet(matrix_of(linear, 4))
    np.testing.assert_allclose(linear.forward_log_det_jacobian(x[0]), expected)
    assert sign == -1


@pytest.mark.parametrize("num", [1, 2, 4, 7])
def test_householder_is_its_reflections(num):
    vectors = RNG.normal(size=[num, 4]) * [[10.0**k] for k in range(num)]
    householder = b.Householder(vectors)
    q = matrix_of(householder, 4)
    np.testing.assert_allclose(q, reflections(vectors), atol=1e-12)
    assert np.linalg.det(q) == pytest.approx((-1) ** num)
    back = householder.inverse(tf.identity(householder.forward(np.eye(4))))
    np.testing.assert_allclose(back, np.eye(4), atol=1e-12)


@pytest.mark.parametrize("num", [1, 2, 3, 10])
def test_num_reflections(num):
    for cls in (b.Householder, b.QRLinear):
        bijector = cls.trainable(3, num_reflections=num, seed=0, dtype="float64")
        assert bijector.vectors.shape == [num, 3]
        distance = np.linalg.norm(matrix_of(bijector, 3) - np.eye(3))
        assert distance == pytest.approx(0 if num % 2 == 0 else 2, abs=1e-12)
    assert b.Householder.trainable(5).vectors.shape == [4, 5]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_householder_is_orthogonal(dtype):
    vectors = RNG.normal(scale=5.0, size=[70, 64]).astype(dtype)
    vectors[1], vectors[2] = vectors[0], vectors[0] * (1 + 1e-3 * vectors[3])
    assert_orthogonal(matrix_of(b.Householder(vectors), 64, dtype), dtype, 20)


@pytest.mark.parametrize("size", [1e-30, 0.0, 1e30])
def test_vectors_of_extreme_size(size):
    other = np.array([0.6, 0.8], "float32")
    v = tf.Variable(np.array([[size, 0.0], other], "float32"))
    x = tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        y = b.Householder(v).forward(x)
        loss = tf.reduce_sum(y) + tf.reduce_sum(b.Householder(v).inverse(x) ** 3)
    assert np.isfinite(tape.gradient(loss, v)).all()
    first = x * [[-1.0 if size else 1.0, 1.0]]
    np.testing.assert_allclose(y, b.Householder(other[None]).forward(first), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 5.0, 1e4])
@pytest.mark.parametrize("size", [2, 3, 64])
def test_orthogonal_exponential_is_orthogonal(size, scale, dtype):
    generator = RNG.normal(scale=scale, size=[size, size]).astype(dtype)
    q = matrix_of(b.OrthogonalExponential(generator), size, dtype)
    assert_orthogonal(q, dtype, 10)
    assert np.linalg.slogdet(q)[0] == 1


@pytest.mark.parametrize("scale", [1e-8, 0.1, 5.0])
def test_orthogonal_exponential_is_the_exponential(scale):
    linalg = pytest.importorskip("scipy.linalg")
    generator = RNG.normal(scale=scale, size=[20, 20])
    skew = (generator - generator.T) / 2
    q = matrix_of(b.OrthogonalExponential(generator), 20)
    np.testing.assert_allclose(q, linalg.expm(skew), atol=1e-12 * max(scale, 1))
    # A small rotation keeps its digits, also in float32.
    single = b.OrthogonalExponential(generator.astype("float32"))
    off = matrix_of(single, 20, "float32") - np.eye(20)
    if scale == 1e-8:
        off -= np.diag(np.diag(off))
        np.testing.assert_allclose(off, skew, rtol=1e-5, atol=1e-14)


@pytest.mark.parametrize("angle", [1.0, 60.0, 4000.0])
def test_orthogonal_exponential_turns_many_times(angle):
    q = matrix_of(b.OrthogonalExponential(np.array([[0, angle], [-angle, 0]])), 2)
    cos, sin = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(q, [[cos, sin], [-sin, cos]], atol=1e-11 * angle)


def test_orthogonal_exponential_has_gradients_far_out():
    generator = tf.Variable(RNG.normal(scale=1e4, size=[3, 3]))
    with tf.GradientTape() as tape:
        y = b.OrthogonalExponential(generator).forward(np.ones([1, 3]))
        loss = tf.reduce_sum(y**3)
    assert np.isfinite(tape.gradient(loss, generator)).all()


@pytest.mark.parametrize("cls", TRAINABLE)
def test_the_log_determinant_far_out(cls):
    bijector = cls.trainable(6, seed=0, dtype="float64")
    for variable in bijector.trainable_variables:
        variable.assign(RNG.normal(scale=2.0, size=variable.shape))
    found = bijector.forward_log_det_jacobian(np.zeros(6))
    expected = np.linalg.slogdet(matrix_of(bijector, 6))[1]
    np.testing.assert_allclose(found, expected, atol=1e-8)
    x = RNG.normal(size=[10, 6])
    y = tf.identity(bijector.forward(x))
    back = tf.identity(bijector.inverse(y))
    np.testing.assert_allclose(bijector.forward(back), y, atol=1e-8)


MISTAKES = {
    "a matrix that is not square": (
        lambda: b.LULinear(np.ones([2, 3]), np.zeros(3)),
        ValueError,
        r"'lu_linear': lower_upper must be square.*\(2, 3\)",
    ),
    "a permutation of another size": (
        lambda: b.LULinear(np.eye(2), np.zeros(2), [0, 2, 1]),
        ValueError,
        "'lu_linear'.*2 dimensions.*but got 3",
    ),
    "no permutation": (
        lambda: b.LULinear(np.eye(2), np.zeros(2), [1, 1]),
        ValueError,
        r"'lu_linear': permutation must be the integers.*\[1, 1\]",
    ),
    "two permutations": (
        lambda: b.LULinear.trainable(2, permute=True, permutation=[1, 0]),
        ValueError,
        r"permute=True.*\[1, 0\]",
    ),
    "permute with a bad event size": (
        lambda: b.LULinear.trainable(0, permute=True),
        ValueError,
        "LULinear.*1 or more, but got 0",
    ),
    "an R that is not square": (
        lambda: b.QRLinear(np.eye(3), np.ones([2, 3]), np.zeros(3)),
        ValueError,
        r"'qr_linear': upper must be square.*\(2, 3\)",
    ),
    "an R of another size": (
        lambda: b.QRLinear(np.eye(3), np.eye(2), np.zeros(2)),
        ValueError,
        r"vectors, upper, bias.*\(3, 3\).*\(2, 2\)",
    ),
    "no vectors": (
        lambda: b.Householder(np.ones([0, 3])),
        ValueError,
        r"1 reflection or more.*\(0, 3\)",
    ),
    "one vector": (
        lambda: b.Householder(np.ones(3)),
        ValueError,
        r"vectors must have rank 2.*\(3,\)",
    ),
    "no reflections": (
        lambda: b.Householder.trainable(3, num_reflections=0),
        ValueError,
        "Householder: num_reflections must be 1 or more.*0",
    ),
    "a number of reflections in words": (
        lambda: b.QRLinear.trainable(3, num_reflections="two"),
        TypeError,
        "QRLinear: num_reflections must be an integer.*'two'",
    ),
    "a generator that is not square": (
        lambda: b.OrthogonalExponential(np.ones([2, 3])),
        ValueError,
        r"generator must be square.*\(2, 3\)",
    ),
    "an event size of 0": (
        lambda: b.Permutation.random(0),
        ValueError,
        r"Permutation\.random.*1 or more, but got 0",
    ),
    "an event size in words": (
        lambda: b.Permutation.reverse("3"),
        TypeError,
        r"Permutation\.reverse.*integer.*'3'",
    ),
    "an unknown option": (
        lambda: b.Householder.trainable(3, reflections=2),
        TypeError,
        "reflections",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake):
    make, error, message = MISTAKES[mistake]
    with pytest.raises(error, match=f"(?s){message}"):
        make()
