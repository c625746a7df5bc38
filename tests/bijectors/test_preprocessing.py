"""`Standardize` and `Bound`: what stands between the data and a flow."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors as b
from tfp_flows.bijectors import data_dependent
from tfp_flows.testing import assert_bijector_conforms

RNG = np.random.default_rng(0)
DATA = RNG.normal([1.0, -300.0, 1e-3], [0.1, 50.0, 1e-4], size=[1000, 3])


def adapted(data=DATA, dtype="float64"):
    bijector = b.Standardize(np.shape(data)[-1], dtype=dtype)
    bijector.adapt(data)
    return bijector


def dataset(data=DATA, batch=64):
    return tf.data.Dataset.from_tensor_slices(data).batch(batch)


MEAN, STD = DATA.mean(0), DATA.std(0)


def assert_statistics(bijector, mean=MEAN, std=STD, rtol=1e-12):
    np.testing.assert_allclose(bijector.mean, mean, rtol=rtol)
    np.testing.assert_allclose(bijector.scale, std, rtol=rtol)


SOURCES = {
    "array": lambda: DATA,
    "list": lambda: DATA.tolist(),
    "tensor": lambda: tf.constant(DATA),
    "dataset": dataset,
    "dataset of tuples": lambda: dataset().map(lambda x: (x,)),
    "dataset with equal weights": lambda: dataset().map(
        lambda x: (x, None, tf.fill(tf.shape(x)[:1], 2.0))
    ),
    "generator": lambda: iter(np.split(DATA, 10)),
    "batches of 1": lambda: dataset(batch=1),
    "with an empty batch": lambda: iter([DATA[:500], DATA[:0], DATA[500:]]),
}


@pytest.mark.parametrize("source", SOURCES)
def test_adapt_learns_the_statistics(source, monkeypatch):
    monkeypatch.setattr(data_dependent, "_NUMBERS_AT_ONCE", 900)
    bijector = adapted(DATA[:2])
    bijector.adapt(SOURCES[source]())
    assert_statistics(bijector)
    z = bijector.inverse(DATA).numpy()
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-10)
    np.testing.assert_allclose(z.std(0), 1, rtol=1e-10)


@pytest.mark.parametrize("batch", [7, 1000])
def test_a_mean_far_larger_than_the_spread(batch):
    """Sums of squares would have lost all digits of the spread."""
    data = 1e8 + RNG.normal(scale=1e-3, size=[1000, 1])
    bijector = b.Standardize(1)
    bijector.adapt(dataset(data, batch))
    assert_statistics(bijector, data.mean(0), data.std(0), rtol=1e-6)


def test_float32_data_are_summed_in_float64():
    data = (1000 + RNG.normal(size=[20_000, 1])).astype("float32")
    exact = data.astype("float64")
    assert_statistics(adapted(data), exact.mean(0), exact.std(0))
    assert adapted(data, "float32").mean.dtype == tf.float32


def test_integers_and_booleans_are_numbers():
    bijector = b.Standardize(2)
    bijector.adapt(np.array([[0, 1], [4, 3]]))
    assert_statistics(bijector, [2, 2], [2, 1], rtol=1e-6)
    bijector.adapt([[True, True], [False, False]])
    assert_statistics(bijector, [0.5, 0.5], [0.5, 0.5], rtol=1e-6)


def test_the_density_is_that_of_the_data():
    flow = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros(3, "float64")), adapted()
    )
    expected = tfd.MultivariateNormalDiag(DATA.mean(0), DATA.std(0))
    np.testing.assert_allclose(flow.log_prob(DATA), expected.log_prob(DATA))


# Not adapted.

CALLS = {
    "forward": lambda bijector, x: bijector.forward(x),
    "inverse": lambda bijector, x: bijector.inverse(x),
    "forward_log_det": lambda bijector, x: bijector.forward_log_det_jacobian(x),
    "inverse_log_det": lambda bijector, x: bijector.inverse_log_det_jacobian(x),
    "in a chain": lambda bijector, x: tfb.Chain([tfb.Exp(), bijector]).forward(x),
}


@pytest.mark.parametrize("jit_compile", [None, False, True])
@pytest.mark.parametrize("call", CALLS)
def test_it_refuses_until_adapted(call, jit_compile):
    bijector = b.Standardize(3, dtype="float64")
    assert not bijector.adapted

    def function(x):
        return CALLS[call](bijector, x)

    if jit_compile is not None:
        function = tf.function(function, jit_compile=jit_compile)
    with pytest.raises(ValueError, match=r"'standardize' does not know.*adapt\(data\)"):
        function(tf.constant(DATA))
    bijector.adapt(DATA)
    assert bijector.adapted
    assert np.isfinite(function(tf.constant(0.01 * DATA))).all()


def test_a_graph_from_before_follows_the_statistics():
    bijector = adapted()
    inverse = tf.function(bijector.inverse, jit_compile=True)
    inverse(tf.constant(DATA))
    bijector.adapt(DATA + 1.0)
    x = tf.constant(DATA + 1.0)
    np.testing.assert_allclose(inverse(x), bijector.inverse(x))
    # Weights of a model that was not adapted are loaded: not silently wrong.
    bijector.scale.assign(np.full(3, np.nan))
    assert np.isnan(inverse(tf.constant(DATA))).all()
    with pytest.raises(ValueError, match="does not know"):
        bijector.inverse(DATA)


def test_a_copy_shares_the_statistics():
    bijector = b.Standardize(3, dtype="float64")
    copy = bijector.copy(name="other")
    with pytest.raises(ValueError, match="'other' does not know"):
        copy.forward(DATA)
    bijector.adapt(DATA)
    assert_statistics(copy)
    assert copy.adapted


def test_the_statistics_are_variables_that_are_not_trained(tmp_path):
    bijector = adapted()
    assert len(bijector.variables) == 2
    assert not bijector.trainable_variables
    path = tf.train.Checkpoint(part=bijector).save(tmp_path / "checkpoint")
    restored = b.Standardize(3, dtype="float64")
    tf.train.Checkpoint(part=restored).restore(path).assert_consumed()
    assert restored.adapted
    assert_statistics(restored)


def test_given_statistics():
    given = b.Standardize(mean=[1.0, 2.0], scale=[2.0, 4.0])
    assert given.adapted
    np.testing.assert_allclose(given.forward([1.0, 1.0]), [3.0, 6.0])
    mean = tf.Variable(np.zeros([4, 2]))
    batch = b.Standardize(mean=mean, scale=np.ones(2))
    assert batch.forward(np.zeros([5, 1, 2])).shape == [5, 4, 2]

    @tf.function
    def by_tensors(mean, scale):
        return b.Standardize(mean=mean, scale=scale).inverse(mean)

    np.testing.assert_allclose(by_tensors(tf.ones(2), tf.ones(2)), [0.0, 0.0])


def with_entry(value):
    data = DATA.copy()
    data[70, 1] = value
    return data


BAD_DATA = {
    "another size": (DATA[:, :2], ValueError, r"\[N, 3\].*\(1000, 2\)"),
    "one row, bare": (DATA[0], ValueError, r"\[N, 3\].*\(3,\)"),
    "a number": (5.0, ValueError, r"\[N, 3\].*\(\)"),
    "batches of another size": (dataset(DATA[:, :2]), ValueError, r"\(64, 2\)"),
    "rows, not batches": (
        tf.data.Dataset.from_tensor_slices(DATA),
        ValueError,
        r"batches of that shape.*\(3,\)",
    ),
    "text": ([["a", "b", "c"]], TypeError, "real numbers"),
    "complex numbers": (DATA + 0j, TypeError, "complex128"),
    "no rows": (DATA[:0], ValueError, "1 row of data or more"),
    "no batches": (dataset().take(0), ValueError, "1 row of data or more"),
    "NaN": (with_entry(np.nan), ValueError, r"row 70.*nan"),
    "infinity, in a later batch": (dataset(with_entry(np.inf)), ValueError, "row 70"),
    "a constant column": (
        np.where([False, True, False], 0.1, DATA),
        ValueError,
        r"column 1 is constant, 0\.1 in",
    ),
    "one row": (DATA[:1], ValueError, "column 0 is constant"),
    "a column that overflows": (
        np.where([False, False, True], 1e200, DATA) * RNG.normal(size=[1000, 1]),
        ValueError,
        "column 2 is too large for float64",
    ),
}


@pytest.mark.parametrize("bad", BAD_DATA)
def test_bad_data_are_refused_and_change_nothing(bad):
    data, error, message = BAD_DATA[bad]
    bijector = adapted()
    with pytest.raises(error, match=f"'standardize'.adapt.*{message}"):
        bijector.adapt(data)
    assert_statistics(bijector)


def test_too_large_for_float32():
    with pytest.raises(ValueError, match="column 0 is too large for float32"):
        b.Standardize(1).adapt([[1e39], [2e39]])


MISTAKES = {
    "nothing": (lambda: b.Standardize(), ValueError, "either an event_size or mean"),
    "a mean alone": (lambda: b.Standardize(mean=[1.0]), ValueError, "scale=None"),
    "everything": (
        lambda: b.Standardize(1, mean=[1.0], scale=[1.0]),
        ValueError,
        "either.*event_size=1",
    ),
    "a size of 0": (lambda: b.Standardize(0), ValueError, "'standardize'.*1 or more"),
    "an integer dtype": (
        lambda: b.Standardize(2, dtype="int32"),
        TypeError,
        "'standardize': dtype must be floating.*int32",
    ),
    "a scale of 0": (
        lambda: b.Standardize(mean=[0.0, 0.0], scale=[1.0, 0.0]),
        ValueError,
        r"scale must be positive.*0\.0",
    ),
    "constants to adapt": (
        lambda: b.Standardize(mean=[0.0], scale=[1.0]).adapt([[1.0], [2.0]]),
        ValueError,
        r"given as constants.*Standardize\(1\)",
    ),
    "limits in the wrong order": (
        lambda: b.Bound(low=[0.0, 1.0], high=[1.0, 1.0]),
        ValueError,
        r"'bound': low must be below high.*\[0\.0, 1\.0\]",
    ),
    "NaN for a limit": (lambda: b.Bound(np.nan, 1.0), ValueError, "below high.*nan"),
    "an infinite limit": (lambda: b.Bound(0.0, np.inf), ValueError, "finite.*inf"),
    "limits too far apart": (
        lambda: b.Bound(np.float32(-3e38), np.float32(3e38)),
        ValueError,
        "distance between them must be finite in float32",
    ),
    "alpha of a half": (
        lambda: b.Bound(0.0, 1.0, alpha=0.5),
        ValueError,
        r"alpha.*0\.5",
    ),
    "alpha below 0": (
        lambda: b.Bound(0.0, 1.0, alpha=-0.1),
        ValueError,
        r"alpha.*-0\.1",
    ),
    "NaN for alpha": (
        lambda: b.Bound(0.0, 1.0, alpha=np.nan),
        ValueError,
        "alpha.*nan",
    ),
    "text for alpha": (lambda: b.Bound(0.0, 1.0, alpha="0"), TypeError, "alpha.*'0'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake):
    make, error, message = MISTAKES[mistake]
    with pytest.raises(error, match=f"(?s){message}"):
        make()


# Bound.


def logit(u):
    return np.log(u) - np.log1p(-u)


@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.05])
def test_bound_is_the_scaled_logit(alpha):
    bound = b.Bound(np.float64(-2.0), np.float64(6.0), alpha=alpha)
    y = np.linspace(-1.9, 5.9, 50)
    expected = logit(alpha + (1 - 2 * alpha) * (y + 2) / 8)
    np.testing.assert_allclose(bound.inverse(y), expected, atol=1e-12)
    np.testing.assert_allclose(bound.forward(expected), y)


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
def test_bound_conforms_on_other_limits(alpha):
    low, high = np.array([0.0, -1.0]), np.array([12.0, 8.0])
    x = np.random.default_rng(1).normal(size=[8, 2])
    assert_bijector_conforms(b.Bound(low, high, alpha=alpha), x, extreme=None)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.4])
@pytest.mark.parametrize("limits", [(0.0, 1.0), (-1.0, 0.0), (100.0, 101.0), (-7, 255)])
def test_bound_far_out(limits, alpha, jit_compile, dtype):
    """Finite forwards, and back; what comes out is inside."""
    bound = b.Bound(*np.array(limits, dtype), alpha=alpha)
    x = tf.constant([-1e4, -80.0, -20.0, 0.0, 20.0, 80.0, 1e4], dtype)

    @tf.function(jit_compile=jit_compile)
    def there_and_back(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = bound.forward(x)
            back = bound.inverse(tf.identity(y))
            fldj = bound.forward_log_det_jacobian(x)
            ildj = bound.inverse_log_det_jacobian(tf.identity(y))
        outputs = [y, back, fldj, ildj]
        return outputs, [tape.gradient(out, x) for out in outputs]

    outputs, gradients = there_and_back(x)
    for value in [*outputs, *gradients]:
        assert np.isfinite(value).all()
    y, back, fldj, _ = outputs
    assert np.all(np.diff(y) >= 0)
    assert np.all(np.diff(back) >= 0)
    np.testing.assert_allclose(fldj[0] + 1e4, fldj[1] + 80, atol=0.01)
    if alpha == 0:
        assert np.all((limits[0] < y) & (y < limits[1]))


@pytest.mark.parametrize("limits", [(0.0, 1.0), (-1.0, 0.0)])
def test_digits_are_kept_close_to_a_limit_of_0(limits):
    x = tf.constant([-60.0, 60.0] if limits[0] == 0 else [60.0, -60.0])
    bound = b.Bound(*limits)
    back = bound.inverse(tf.identity(bound.forward(x)))
    np.testing.assert_allclose(back[0], x[0], rtol=1e-6)


def flow_between(low, high, **options):
    """With layers on either side, which must not make NaN of a point outside."""
    base = tfd.Independent(tfd.Normal([0.0], 1.0), 1)
    planar = b.Planar.trainable(1, seed=0)
    chain = tfb.Chain([tfb.Shift(0.0), b.Bound(low, high, **options), planar])
    return tfd.TransformedDistribution(base, chain)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_points_outside_have_no_density(jit_compile):
    flow = flow_between(0.0, 1.0)
    points = tf.constant([[-1e30], [-1.0], [0.0], [0.5], [1.0], [1.5], [np.inf]])

    @tf.function(jit_compile=jit_compile)
    def log_prob_and_gradient(points):
        with tf.GradientTape() as tape:
            tape.watch(points)
            log_prob = flow.log_prob(points)
        return log_prob, tape.gradient(log_prob, points)

    log_prob, gradient = log_prob_and_gradient(points)
    inside = np.arange(7) == 3
    assert np.all(np.isfinite(log_prob) == inside)
    assert np.all(log_prob[~inside] == -np.inf)
    assert np.isfinite(gradient).all()


def test_the_limits_have_a_density_with_alpha():
    for low, high in [(0.0, 1.0), (100.0, 101.0), (-255.0, 0.0)]:
        flow = flow_between(low, high, alpha=1e-6)
        log_prob = flow.log_prob([[low], [high]])
        assert np.isfinite(log_prob).all()
        np.testing.assert_allclose(*log_prob, rtol=0.1)
        assert np.all(flow.log_prob([[low - 0.1], [high + 0.1]]) == -np.inf)


def test_samples_have_a_density():
    base = tfd.Independent(tfd.Normal([0.0], 100.0), 1)
    for alpha in (0.0, 1e-6):
        flow = tfd.TransformedDistribution(base, b.Bound(0.0, 1.0, alpha=alpha))
        samples = tf.identity(flow.sample(100, seed=[0, 1]))
        assert np.isfinite(flow.log_prob(samples)).all()


def test_validate_args_of_bound():
    bound = b.Bound([0.0], [1.0], validate_args=True)
    bound.inverse([0.5])
    for call in (bound.inverse, bound.inverse_log_det_jacobian):
        with pytest.raises(tf.errors.InvalidArgumentError, match="outside the limits"):
            call([1.5])
    high = tf.Variable([1.0])
    bound = b.Bound([0.0], high, validate_args=True)
    high.assign([-1.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="low must be below high"):
        bound.forward([0.0])


def test_validate_args_of_standardize():
    scale = tf.Variable([1.0])
    bijector = b.Standardize(mean=[0.0], scale=scale, validate_args=True)
    scale.assign([-1.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="scale must be positive"):
        bijector.forward([0.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bound_has_its_gradient_at_zero(dtype):
    low, high = tf.constant(-1.0, dtype), tf.constant(2.0, dtype)
    bound = b.Bound(low, high)
    for method, point, slope in (
        (bound.forward, tf.zeros([], dtype), 0.75),
        (bound.inverse, tf.constant(0.5, dtype), 4.0 / 3.0),
    ):
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = method(point)
        np.testing.assert_allclose(tape.gradient(value, point), slope, rtol=1e-6)
