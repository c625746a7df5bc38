"""Sylvester layers: three kinds of rotation, both directions, hard parameters."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors as b
from tfp_flows.conditioners import MLP
from tfp_flows.testing import assert_bijector_conforms
from tfp_flows.testing.case import Case
from tfp_flows.testing.mathematics import check_backward_error

TOLERANCE = {"float32": 1e-4, "float64": 1e-8}
ROTATIONS = {
    "orthogonal": lambda size, dtype: b.OrthogonalExponential.trainable(
        size, seed=1, dtype=dtype
    ),
    "Householder": lambda size, dtype: b.Householder.trainable(
        size, paired=False, seed=1, dtype=dtype
    ),
    "triangular": lambda size, dtype: None,
    "triangular, permuted": lambda size, dtype: b.Permutation.random(size, seed=1),
    "triangular, by TFP": lambda size, dtype: tfb.Identity(),
}
KINDS = pytest.mark.parametrize("kind", ROTATIONS)


def sylvester(event_size=4, num_units=2, kind="Householder", dtype="float64"):
    return b.Sylvester.trainable(
        event_size,
        num_units=num_units,
        rotation=ROTATIONS[kind](event_size, dtype),
        seed=0,
        dtype=dtype,
    )


def moved(bijector, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    for v in bijector.trainable_variables:
        v.assign_add(rng.normal(scale=spread, size=v.shape))
    return bijector


def jacobian(bijector, x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        columns = tf.unstack(bijector.forward(tf.identity(x)), axis=-1)
    return np.stack([tape.gradient(column, x) for column in columns], axis=1)


@pytest.mark.parametrize(
    "kind, event_size, num_units", [("orthogonal", 2, 2), ("triangular", 2, 1)]
)
def test_it_conforms(kind, event_size, num_units):
    """Beside the example, which is of reflections, with two units of three."""
    x = np.random.default_rng(1).normal(size=[8, event_size])
    assert_bijector_conforms(sylvester(event_size, num_units, kind), x)


@KINDS
@pytest.mark.parametrize("num_units", [1, 2, 3])
def test_log_determinant_and_inverse(kind, num_units):
    layer = moved(sylvester(3, num_units, kind))
    x = tf.constant(np.random.default_rng(1).normal(size=[20, 3]))
    _, expected = np.linalg.slogdet(jacobian(layer, x))
    found = layer.forward_log_det_jacobian(tf.identity(x))
    np.testing.assert_allclose(found, expected, atol=1e-10)
    back = layer.inverse(tf.identity(layer.forward(x)))
    np.testing.assert_allclose(back, x, atol=1e-8)


def test_the_formula():
    """By hand, with matrices."""
    layer = moved(sylvester(kind="Householder"))
    x = np.random.default_rng(1).normal(size=[10, 4])
    q = layer.rotation.forward(np.eye(4)).numpy()[:2].T  # [D, M]
    np.testing.assert_allclose(q.T @ q, np.eye(2), atol=1e-12)
    r, r_tilde = np.triu(layer.r), np.triu(layer.r_tilde)
    steepness = np.exp(5.0 * np.tanh(np.diag(r_tilde) / 5.0))
    m = np.log1p(np.exp(np.diag(r)) * (np.e - 1.0)) - 1.0
    np.fill_diagonal(r, m / steepness)
    np.fill_diagonal(r_tilde, steepness)
    expected = x + np.tanh(x @ q @ r_tilde.T + layer.b) @ r.T @ q.T
    np.testing.assert_allclose(layer.forward(x), expected)


@pytest.mark.parametrize("event_size", [1, 3])
def test_one_unit_is_planar(event_size):
    """With û along w, so along the first axis here."""
    a, log_steepness, offset = 0.7, 0.3, -0.4
    steepness = np.exp(5.0 * np.tanh(log_steepness / 5.0))
    layer = b.Sylvester([[a]], [[log_steepness]], [offset], event_size=event_size)
    first = np.eye(event_size, dtype="float32")[0]
    planar = b.Planar(u=a / steepness * first, w=steepness * first, b=offset)
    x = np.random.default_rng(1).normal(size=[9, event_size]).astype("float32")
    np.testing.assert_allclose(layer.forward(x), planar.forward(x), atol=1e-6)
    np.testing.assert_allclose(layer.inverse(x), planar.inverse(x), atol=1e-6)
    np.testing.assert_allclose(
        layer.forward_log_det_jacobian(x),
        planar.forward_log_det_jacobian(x),
        atol=1e-6,
    )


@KINDS
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("scale", [20.0, 100.0, 1e4])
def test_round_trips_far_out(kind, dtype, scale):
    layer = moved(sylvester(5, 4, kind, dtype))
    x = tf.constant(scale * np.random.default_rng(1).normal(size=[200, 5]), dtype)
    for there, back in [(layer.forward, layer.inverse), (layer.inverse, layer.forward)]:
        error = np.linalg.norm(back(tf.identity(there(x))) - x, axis=-1)
        assert np.all(error <= TOLERANCE[dtype] * np.linalg.norm(x, axis=-1))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("seed", range(4))
def test_extreme_parameters(dtype, seed):
    """Standard deviation 5: finite, invertible, and the log-determinant is right."""
    layer = moved(sylvester(4, 4, dtype=dtype), spread=5.0, seed=seed)
    x = tf.constant(3 * np.random.default_rng(1).normal(size=[200, 4]), dtype)
    y = layer.forward(x)
    # Up to the image of rounding in x, which slopes of hundreds magnify.
    check_backward_error(Case(layer, x, dtype), y)
    ldj = layer.forward_log_det_jacobian(x)
    assert np.isfinite(ldj).all()
    y = tf.identity(y)  # Or TFP would look its inverse up.
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer.inverse(y)) + tf.reduce_sum(
            layer.inverse_log_det_jacobian(y)
        )
    for gradient in tape.gradient(total, layer.trainable_variables):
        assert np.isfinite(gradient).all()


def test_the_slope_is_never_zero():
    """Also where 1 + m is no longer a number that float32 tells from zero."""
    layer = b.Sylvester([[-80.0]], [[0.0]], [0.0])
    x = tf.constant([[0.0], [1e-3], [2.0]])
    assert np.isfinite(layer.forward_log_det_jacobian(x)).all()
    y = layer.forward(x)
    np.testing.assert_allclose(layer.forward(layer.inverse(tf.identity(y))), y)


def test_gradients_of_the_inverse():
    rng = np.random.default_rng(0)
    start = [rng.normal(size=s) for s in ((3, 3), (3, 3), (3,), (5, 3))]

    def total(r, r_tilde, offset, y):
        return tf.reduce_sum(tf.sin(b.Sylvester(r, r_tilde, offset).inverse(y)))

    theoretical, numeric = tf.test.compute_gradient(total, [*map(tf.constant, start)])
    for one, other in zip(theoretical, numeric, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_second_derivatives_of_the_inverse():
    layer = moved(sylvester(2, 2))

    def slope(shift):
        y = tf.constant([[0.5, -0.3]], tf.float64) + shift
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(y)
            with tf.GradientTape() as inner:
                inner.watch(y)
                x = tf.reduce_sum(layer.inverse(tf.identity(y)))
            first = inner.gradient(x, y)
            total = tf.reduce_sum(first)
        return first.numpy(), outer.gradient(total, y).numpy()

    step = 1e-5
    above, below = (slope(s)[0].sum() for s in (step, -step))
    second = slope(0.0)[1].sum()
    assert second == pytest.approx((above - below) / (2 * step), rel=1e-5)


def test_it_starts_near_the_identity_but_at_no_saddle():
    layer = sylvester(4, 3)
    x = tf.constant(np.random.default_rng(1).normal(size=[50, 4]))
    np.testing.assert_allclose(layer.forward(x), x, atol=0.1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((layer.forward(x) - 2.0 * x) ** 2)
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert all(np.any(np.abs(g) > 1e-3) for g in gradients)


def test_within_conditional():
    layer = b.Conditional(
        sylvester(3, 2, "orthogonal"), MLP([8], seed=0, dtype="float64"), context_size=2
    )
    moved(layer, 0.5)
    given = layer.copy(context=np.random.default_rng(0).normal(size=[5, 2]))
    x = tf.constant(np.random.default_rng(1).normal(size=[5, 3]))
    y = given.forward(x)
    np.testing.assert_allclose(given.inverse(tf.identity(y)), x)
    _, expected = np.linalg.slogdet(jacobian(given, x))
    np.testing.assert_allclose(given.forward_log_det_jacobian(x), expected)
    assert np.ptp(given.forward(tf.zeros([5, 3], "float64")), axis=0).min() > 0.01


ZEROS = {"r": np.zeros([2, 2]), "r_tilde": np.zeros([2, 2]), "b": np.zeros(2)}
MISTAKES = {
    "more units than dimensions": (
        {"event_size": 1},
        ValueError,
        "2 units and 1 dim",
    ),
    "more units than the rotation has": (
        {"rotation": b.Permutation([0])},
        ValueError,
        "2 units and 1 dim",
    ),
    "two sizes": (
        {"rotation": b.Permutation.reverse(3), "event_size": 4},
        ValueError,
        "event_size is 4, but got a rotation of points of size 3",
    ),
    "no bijector": ({"rotation": np.eye(2)}, TypeError, "rotation must be a bijector"),
    "a function": (
        {"rotation": b.Householder.trainable},
        TypeError,
        "rotation must be a bijector",
    ),
    "a bent map": (
        {"rotation": b.Planar.trainable(2, seed=0, dtype="float64")},
        ValueError,
        "a linear map.*Planar 'planar'",
    ),
    "a batch of rotations": (
        {"rotation": b.Householder(np.ones([5, 2, 2]))},
        ValueError,
        r"one rotation.*\(5,\)",
    ),
    "no matrix": ({"r": np.zeros([3, 2])}, ValueError, r"r must be square.*\(3, 2\)"),
    "unlike sizes": ({"b": np.zeros(3)}, ValueError, r"\(2, 2\).*\(3,\)"),
    "two dtypes": ({"b": np.zeros(2, "float32")}, TypeError, "one dtype"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    options, error, message = MISTAKES[name]
    with pytest.raises(error, match=f"(?s)'sylvester'.*{message}"):
        b.Sylvester(**(ZEROS | options))


def test_mistakes_of_trainable_and_at_a_call():
    with pytest.raises(TypeError, match="num_units must be an integer"):
        b.Sylvester.trainable(3, num_units=1.5)
    with pytest.raises(ValueError, match="4 units and 3 dim"):
        b.Sylvester.trainable(3, num_units=4)
    with pytest.raises(ValueError, match=r"points of size 4.*\(5, 3\)"):
        sylvester().forward(tf.zeros([5, 3], "float64"))
