"""Dequantisation against exact probabilities, found by integration over the cells."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors as b
from tfp_flows import flows
from tfp_flows.distributions import (
    Dequantized,
    Family,
    StandardNormal,
    noise,
)

# Two numbers, 3 × 4 values.
LOW, HIGH = [-1, 2], [1, 5]
ALL = np.array(list(itertools.product([-1, 0, 1], [2, 3, 4, 5])), "float64")
ALPHAS = pytest.mark.parametrize("alpha", [0.05, 0.0, None])
NOISES = pytest.mark.parametrize("kind", ["uniform", "variational"])


def drawn(flow, scale=0.2, seed=0):
    """The flow with all weights off their start."""
    rng = np.random.default_rng(seed)
    for v in flow.trainable_variables:
        v.assign_add(rng.normal(scale=scale, size=v.shape))
    return flow


def noise_flow(size=2, dtype="float64", **options):
    options = {"num_layers": 2, "hidden_units": [4], "seed": 1} | options
    return flows.real_nvp(size, context_size=size, dtype=dtype, **options)


@functools.cache
def flow_of_two(dtype="float64"):
    return drawn(flows.real_nvp(2, num_layers=2, hidden_units=[4], seed=0, dtype=dtype))


def make(kind="uniform", alpha=0.05, dtype="float64", **options):
    of_noise = None
    if kind == "variational":
        of_noise = drawn(noise_flow(dtype=dtype), 0.1, seed=1)
    options = {"low": LOW, "high": HIGH, "seed": 0} | options
    return Dequantized(flow_of_two(dtype), noise=of_noise, alpha=alpha, **options)


def numpy_link(t, alpha):
    """What the flow sees of t in [0, n], and its log-determinant, by the formulas."""
    n = np.array([3.0, 4.0])
    y = t / n
    if alpha is None:
        return np.sqrt(12.0) * (y - 0.5), np.log(np.sqrt(12.0) / n).sum()
    p = alpha + (1 - 2 * alpha) * y
    slope = (1 - 2 * alpha) / n * (1 / p + 1 / (1 - p))
    return np.log(p / (1 - p)), np.log(slope).sum(axis=-1)


@functools.cache
def exact(alpha):
    """P(x) of each of `ALL`, by Gauss and Legendre's quadrature over the cell."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    u = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2) / 2 + 0.5
    w = np.outer(weights, weights).ravel() / 4
    t = ALL[:, None] - LOW + u
    points, log_det = numpy_link(t, alpha)
    return (np.exp(flow_of_two().log_prob(points) + log_det) * w).sum(axis=1)


def draws(model, count, **options):
    """Bounds of each of `ALL`, ``[count, 12]``."""
    x = np.repeat(ALL[None], count, axis=0)
    return model.log_prob(x, seed=5, **options).numpy()


@ALPHAS
@NOISES
def test_the_weights_average_to_the_probability(kind, alpha):
    """So that log q and the log-determinant are what they must be."""
    for k in (1, 3):
        weights = np.exp(draws(make(kind, alpha), 20_000, num_samples=k))
        error = weights.std(axis=0) / np.sqrt(len(weights))
        assert np.all(error < 0.05 * exact(alpha))
        assert np.all(np.abs(weights.mean(axis=0) - exact(alpha)) < 4.5 * error)


@ALPHAS
@NOISES
def test_a_lower_bound_that_gets_tighter(kind, alpha):
    model = make(kind, alpha)
    gaps = []
    for k, count in ((1, 5000), (8, 1000), (256, 40)):
        bound = draws(model, count, num_samples=k)
        error = bound.std(axis=0) / np.sqrt(count)
        gap = np.log(exact(alpha)) - bound.mean(axis=0)
        assert np.all(gap > -4.5 * error)
        gaps.append(gap.mean())
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]
    assert gaps[2] < 0.02
    if alpha == 0.05:  # With α = 0 the integral has singular ends.
        total = np.exp(draws(model, 1, num_samples=20_000)).sum()
        assert total < 1.0
        assert total == pytest.approx(exact(alpha).sum(), rel=0.01)
        assert total > 0.98


def test_what_is_left_out_is_beyond_the_range():
    """With α = 0 nothing is."""
    assert exact(0.0).sum() == pytest.approx(1.0, abs=2e-3)
    assert exact(0.05).sum() < exact(0.0).sum()


@ALPHAS
def test_uniform_noise_against_the_formulas(alpha):
    """The points that `continuous` gives for a seed, and the bound of that seed."""
    model = make(alpha=alpha)
    x = np.tile(ALL, [200, 1])
    points = model.continuous(x, seed=7).numpy()
    if alpha is None:
        y = points / np.sqrt(12.0) + 0.5
    else:
        y = (1 / (1 + np.exp(-points)) - alpha) / (1 - 2 * alpha)
    u = y * [3.0, 4.0] - (x - LOW)
    assert u.min() > 0.0 and u.max() < 1.0
    assert np.abs(u.mean(axis=0) - 0.5).max() < 5 / np.sqrt(12 * len(u))
    assert np.abs(u.var(axis=0) - 1 / 12).max() < 0.01
    seen, log_det = numpy_link(u + x - LOW, alpha)
    np.testing.assert_allclose(seen, points, rtol=1e-6, atol=1e-9)
    expected = flow_of_two().log_prob(points) + log_det
    np.testing.assert_allclose(model.log_prob(x, seed=7), expected, rtol=1e-9)


def test_noise_at_its_start_is_uniform():
    """log q is 0, and the noise Φ of standard normals."""
    model = Dequantized(flow_of_two(), LOW, HIGH, noise_flow(), alpha=None)
    x = np.tile(ALL, [200, 1])
    points = model.continuous(x, seed=7)
    u = (points / np.sqrt(12.0) + 0.5).numpy() * [3.0, 4.0] - (x - LOW)
    assert u.min() > 0.0 and u.max() < 1.0
    assert np.abs(u.mean(axis=0) - 0.5).max() < 5 / np.sqrt(12 * len(u))
    expected = flow_of_two().log_prob(points) + numpy_link(x - LOW, None)[1]
    np.testing.assert_allclose(model.log_prob(x, seed=7), expected, rtol=1e-6)


def test_gradients_reach_the_flow_and_its_noise():
    model = make("variational")
    for k in (1, 3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model.log_prob(ALL, num_samples=k))
        variables = model.trainable_variables
        assert len(variables) == 16
        gradients = tape.gradient(loss, variables)
        assert all(np.any(g) and np.all(np.isfinite(g)) for g in gradients)


def test_trained_noise_tightens_the_bound():
    """Of a flow that stays as it is, and so narrow that most noise misses it."""
    shift, log_scale = tf.constant([0.3, -0.4]), tf.constant([-1.5, -1.5])
    flow = tfd.TransformedDistribution(StandardNormal(2), b.Affine(shift, log_scale))
    noise = noise_flow(dtype="float32", hidden_units=[8])
    x = np.random.default_rng(0).integers(0, 2, [128, 2]).astype("float32")
    log_p = np.log(exact_of(flow, x))
    uniform = Dequantized(flow, 0, 1, seed=0)
    trained = Dequantized(flow, 0, 1, noise, seed=0)
    optimizer = keras.optimizers.Adam(0.02)

    @tf.function(jit_compile=True)
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(trained.log_prob(x))
        gradients = tape.gradient(loss, trained.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, trained.trainable_variables, strict=True)
        )

    optimizer.build(trained.trainable_variables)
    for _ in range(150):
        step()
    gaps = [
        np.mean(log_p - np.mean([m.log_prob(x) for _ in range(50)], axis=0))
        for m in (uniform, trained)
    ]
    assert 0.0 < gaps[1] < 0.3 * gaps[0]


def exact_of(flow, x):
    """P(x) of 0 and 1 with the default α."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    u = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2) / 2 + 0.5
    p = 0.05 + 0.9 * (x[:, None] + u) / 2.0
    points = np.log(p / (1 - p))
    log_det = np.log(0.45 / (p * (1 - p))).sum(axis=-1)
    density = np.exp(flow.log_prob(points.astype("float32")) + log_det)
    return (density * np.outer(weights, weights).ravel() / 4).sum(axis=1)


# Samples.


@ALPHAS
def test_frequencies_of_samples(alpha):
    """Of the inner integers; the outermost have what is beyond, if anything is."""
    x = make(alpha=alpha).sample(40_000, seed=[1, 2]).numpy()
    for value, p in zip(ALL, exact(alpha), strict=True):
        inner = value[0] == 0 and value[1] in (3, 4)
        frequency = np.mean(np.all(x == value, axis=1))
        error = np.sqrt(p / len(x))
        assert frequency > p - 5 * error
        assert frequency < p + 5 * error or not (inner or alpha == 0.0)


@ALPHAS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_are_integers_of_the_range(alpha, dtype):
    """Also those of a flow that is far too wide."""
    wide = tfd.TransformedDistribution(
        StandardNormal(2, dtype), tfb.Scale(tf.constant(100.0, dtype))
    )
    model = Dequantized(wide, LOW, HIGH, alpha=alpha)
    x = model.sample([100, 3], seed=[1, 2])
    assert x.dtype == dtype and x.shape == [100, 3, 2]
    np.testing.assert_array_equal(x, np.round(x))
    assert {(LOW[0], LOW[1]), (HIGH[0], HIGH[1])} <= set(map(tuple, x.numpy()[:, 0]))
    assert np.all((x >= LOW) & (x <= HIGH))
    assert np.all(np.isfinite(model.log_prob(x)))


@pytest.mark.parametrize("dtype, bits", [("float32", 24), ("float64", 33)])
def test_uniform_noise_is_never_0_or_1(dtype, bits):
    """Nor comes it closer than half a step of the generator."""
    u = noise.uniform([4], tf.zeros([500], dtype), tf.constant([0, 1])).numpy()
    assert u.dtype == dtype and u.shape == (4, 500)
    assert np.all((u * 2.0**bits) % 2.0 == 1.0)
    assert len(np.unique(u)) > 1990


@ALPHAS
@pytest.mark.parametrize("low, high", [(0, 255), (-30_000, 30_000), (0, 0)])
def test_ends_of_the_range_in_float32(alpha, low, high):
    """Noise that rounds to 0 or 1 has a finite density and gradient, too."""
    affine = b.Affine.trainable(1)
    flow = tfd.TransformedDistribution(StandardNormal(1), affine)
    model = Dequantized(flow, low, high, alpha=alpha)
    x = np.array([[low], [high]], "float32").repeat(200_000, axis=0)
    with tf.GradientTape() as tape:
        log_prob = model.log_prob(x, seed=1)
    assert np.all(np.isfinite(log_prob))
    gradients = tape.gradient(log_prob, affine.trainable_variables)
    assert all(np.all(np.isfinite(g)) for g in gradients)
    points = model.continuous(x, seed=1)
    back = model._scaling.forward(points) + low
    assert np.all(np.abs(back - (x + 0.5)) < 0.51)


def test_a_flow_of_tfps_class_is_never_stale():
    """TFP's cache keeps log-determinants by the identity of a tensor."""
    scale = tfb.Scale(tf.Variable([1.0, 2.0]))
    base = tfd.MultivariateNormalDiag(tf.zeros(2))
    model = Dequantized(tfd.TransformedDistribution(base, scale), 0, 9, seed=0)
    points = model.flow.sample(3, seed=[0, 1])
    before = model.flow.log_prob(points)
    scale.scale.assign([3.0, 4.0])
    after = model.flow.log_prob(points)
    np.testing.assert_array_equal(after, model.flow.log_prob(tf.identity(points)))
    assert np.all(after != before)
    assert model.copy().flow is model.flow
    assert model.trainable_variables == (scale.scale,)


# Random numbers.


@NOISES
def test_one_seed_gives_the_same_in_all_modes(kind):
    model = make(kind, dtype="float32")
    x = tf.constant(ALL, tf.float32)

    def bounds():
        return [
            model.log_prob(x, seed=3),
            model.log_prob(x, seed=tf.constant([0, 3]), num_samples=4),
        ]

    eager = bounds()
    for jit_compile in (False, True):
        found = tf.function(bounds, jit_compile=jit_compile)()
        np.testing.assert_allclose(found, eager, rtol=2e-5, atol=2e-5)
    np.testing.assert_array_equal(bounds(), eager)
    assert np.all(np.abs(eager[0] - model.log_prob(x, seed=4)) > 1e-4)


@NOISES
def test_numbers_go_on_alike_in_all_modes(kind):
    """XLA makes other normal numbers, of which a flow's noise consists."""
    x = tf.constant(ALL, tf.float32)

    def three(**options):
        model = make(kind, dtype="float32")
        call = tf.function(lambda: model.log_prob(x), **options)
        found = [call().numpy() for _ in range(3)]
        assert model._state[1] == 3
        return found

    eager = make(kind, dtype="float32")
    first = [eager.log_prob(x).numpy() for _ in range(3)]
    np.testing.assert_allclose(three(), first, rtol=2e-5, atol=2e-5)
    with_xla = three(jit_compile=True)
    expected = first if kind == "uniform" else three(jit_compile=True)
    np.testing.assert_allclose(with_xla, expected, rtol=2e-5, atol=2e-5)
    for found in (first, with_xla):
        assert len(np.unique(found)) == 36
    other = make(kind, dtype="float32", seed=1).log_prob(x)
    assert np.all(np.abs(first[0] - other) > 1e-5)


def test_copies_share_the_numbers():
    model = make("variational", num_samples=2)
    copy = model.copy(name="copy")
    assert copy._state is model._state and copy.noise is model.noise
    first = [part.log_prob(ALL).numpy() for part in (model, copy)]
    again = make("variational", num_samples=2)
    np.testing.assert_array_equal([again.log_prob(ALL) for _ in range(2)], first)
    np.testing.assert_allclose(
        again.log_prob(ALL, seed=1), again.log_prob(ALL, seed=1, num_samples=2)
    )
    assert len(model.trainable_variables) == 16 and len(model.variables) == 17


# Batches, shapes and contexts.


def test_four_contexts_are_four_distributions():
    """Each with noise of its own; the noise keeps its own context."""
    conditional = drawn(flows.maf(2, context_size=3, num_layers=1, hidden_units=[4]))
    noise = noise_flow(dtype="float32")
    flow = Family(Dequantized(conditional.distribution, LOW, HIGH, noise, seed=0))
    assert flow.context_size == 3 and flow.event_shape == [2]
    c = np.random.default_rng(0).normal(size=[4, 3]).astype("float32")
    four = flow(c)
    assert isinstance(four, Dequantized) and four.batch_shape == [4]
    assert four.noise is noise and four._state is flow.distribution._state
    assert four.sample(7, seed=[0, 1]).shape == [7, 4, 2]
    x = ALL[:4]
    bound = four.log_prob(x, num_samples=5000, seed=1)
    alone = [flow(c[i]).log_prob(x[i], num_samples=5000, seed=1) for i in range(4)]
    np.testing.assert_allclose(bound, alone, atol=0.1)
    table = four.log_prob(x[:, None], num_samples=5000, seed=1)
    assert table.shape == [4, 4]
    np.testing.assert_allclose(np.diag(table), bound, atol=0.1)
    assert four.log_prob(x[0]).shape == [4]
    # One point under each of four equal densities: four draws.
    same = flow(np.repeat(c[:1], 4, axis=0))
    assert len(np.unique(same.log_prob(x[0]))) == 4
    assert {id(v) for v in four.variables} == {id(v) for v in flow.variables}


def test_unknown_batches():
    conditional = drawn(flows.maf(2, context_size=3, num_layers=1, hidden_units=[4]))
    noise = noise_flow(dtype="float32")
    flow = Family(Dequantized(conditional.distribution, LOW, HIGH, noise, seed=0))
    spec = tf.TensorSpec([None, None, 3]), tf.TensorSpec([None, None, 2])

    @tf.function(input_signature=spec)
    def log_prob(c, x):
        return flow(c).log_prob(x, num_samples=2, seed=1)

    c = np.random.default_rng(0).normal(size=[2, 6, 3]).astype("float32")
    x = tf.constant(ALL.reshape([2, 6, 2]), tf.float32)
    expected = flow(c).log_prob(x, num_samples=2, seed=1)
    np.testing.assert_allclose(log_prob(c, x), expected, rtol=1e-4)


def test_images():
    """As the vectors of their pixels."""
    as_image = tfb.Reshape(event_shape_out=[2, 1, 2], event_shape_in=[4])
    flow = drawn(flows.real_nvp(4, num_layers=2, hidden_units=[4], seed=0))
    noise = drawn(noise_flow(4, dtype="float32"))
    images = [
        tfd.TransformedDistribution(f, as_image) for f in (flow, noise.distribution)
    ]
    x = np.random.default_rng(0).integers(0, 4, [5, 2, 1, 2])
    high = np.array([3, 4, 5, 6])
    vectors = Dequantized(flow, 0, high, noise)
    model = Dequantized(images[0], 0, high.reshape([2, 1, 2]), Family(images[1]))
    assert model.event_shape == [2, 1, 2]
    assert model.sample(3, seed=[0, 1]).shape == [3, 2, 1, 2]
    for k in (1, 3):
        np.testing.assert_allclose(
            model.log_prob(x, seed=1, num_samples=k),
            vectors.log_prob(x.reshape([5, 4]), seed=1, num_samples=k),
            rtol=1e-5,
        )


def test_events_without_dimensions():
    normal = tfd.Normal(tf.Variable(0.0), 1.0)
    model = Dequantized(normal, 0, 3, seed=0)
    assert model.event_shape == [] and model.sample(5, seed=[0, 1]).shape == [5]
    total = np.exp(model.log_prob([0, 1, 2, 3], num_samples=5000)).sum()
    assert total == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_numbers_of_any_dtype(dtype):
    model = make(dtype="float32", low=0, high=5)
    x = np.abs(ALL)
    expected = model.log_prob(x.tolist(), seed=1)
    assert expected.dtype == tf.float32
    for given in (x.astype(dtype), tf.constant(x, dtype)):
        np.testing.assert_array_equal(model.log_prob(given, seed=1), expected)


# What is refused.


def test_other_numbers_in_a_graph():
    x = tf.constant([[0.0, 2.0], [0.5, 2.0], [0.0, 6.0], [np.nan, 2.0]])
    found = tf.function(make(dtype="float32").log_prob)(x)
    np.testing.assert_array_equal(np.isfinite(found), [True, False, False, False])
    assert np.all(np.isneginf(found[1:]))
    checked = make(dtype="float32", validate_args=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"integers from -1 to 5"):
        tf.function(checked.log_prob)(x)
    tf.function(checked.log_prob)(x[:1])


def conditional():
    return flows.maf(2, context_size=3, num_layers=1, dtype="float64")


MISTAKES = {
    "no flow": (lambda: Dequantized(tfb.Scale(2.0)), TypeError, "but got Scale"),
    "a conditional flow": (
        lambda: Dequantized(conditional()),
        TypeError,
        r"Family\(Dequantized\(conditional.distribution.*'maf'",
    ),
    "a discrete flow": (
        lambda: Dequantized(make()),
        TypeError,
        "one of integers already",
    ),
    "a flow of integers": (
        lambda: Dequantized(tfd.Categorical([0.0, 1.0])),
        TypeError,
        "floating, but got.*int32",
    ),
    "low above high": (
        lambda: make(low=3, high=2),
        ValueError,
        "low must not be above high, but got low=3 and high=2",
    ),
    "a limit that is no integer": (
        lambda: make(low=0.5),
        ValueError,
        "low must be an integer, but got 0.5",
    ),
    "an infinite limit": (
        lambda: make(high=np.inf),
        ValueError,
        "high must be an integer, but got inf",
    ),
    "a limit that is no number": (
        lambda: make(high="255"),
        TypeError,
        "high must be an integer, but got '255'",
    ),
    "limits of another shape": (
        lambda: make(low=[0, 0], high=[5, 5, 5]),
        ValueError,
        r"low and high must have shapes that broadcast, but got \(2,\) and \(3,\)",
    ),
    "limits of the wrong event shape": (
        lambda: make(low=0, high=[5, 5, 5]),
        ValueError,
        r"event shape \(2,\), but got the shapes \(\) and \(3,\)",
    ),
    "too many integers": (
        lambda: make(low=0, high=2**21, dtype="float32"),
        ValueError,
        "too many.*float32.*1048576",
    ),
    "integers too large": (
        lambda: make(low=2**24, high=2**24 + 5, dtype="float32"),
        ValueError,
        "too large.*beyond 8388608",
    ),
    "alpha of one half": (lambda: make(alpha=0.5), ValueError, "alpha.*got 0.5"),
    "a negative alpha": (lambda: make(alpha=-0.1), ValueError, "alpha.*got -0.1"),
    "alpha no number": (lambda: make(alpha="a"), TypeError, "alpha.*number.*'a'"),
    "no samples": (
        lambda: make(num_samples=0),
        ValueError,
        "num_samples must be 1 or more, but got 0",
    ),
    "half a sample": (lambda: make(num_samples=1.5), TypeError, "num_samples"),
    "no samples at a call": (
        lambda: make().log_prob(ALL, num_samples=0),
        ValueError,
        "log_prob: num_samples must be 1 or more",
    ),
    "another seed": (lambda: make(seed=1.5), ValueError, "seed must be None, an int"),
    "a real seed at a call": (
        lambda: make().log_prob(ALL, seed=1.5),
        ValueError,
        "'dequantized': seed must be None.*1.5",
    ),
    "three seeds": (
        lambda: make().continuous(ALL, seed=[1, 2, 3]),
        ValueError,
        r"seed must be None.* \[1, 2, 3\]",
    ),
    "a tensor for a seed": (
        lambda: make().log_prob(ALL, seed=tf.constant([1.0, 2.0])),
        ValueError,
        "seed must be None.*a tensor of two.*float32",
    ),
    "another state": (
        lambda: make(seed=tf.Variable([1, 2])),
        ValueError,
        "two numbers of int64.*int32",
    ),
    "noise that is no conditional flow": (
        lambda: Dequantized(flow_of_two(), noise=flow_of_two()),
        TypeError,
        "noise must be a conditional Family",
    ),
    "noise of another context": (
        lambda: Dequantized(flow_of_two(), noise=conditional()),
        ValueError,
        "context of the noise is x, 2 numbers, but its context_size is 3",
    ),
    "noise of another event": (
        lambda: Dequantized(flow_of_two(), noise=noise_flow(3)),
        ValueError,
        r"shape \(2,\), but those of the noise \(3,\)",
    ),
    "noise of another dtype": (
        lambda: Dequantized(flow_of_two(), noise=noise_flow(dtype="float32")),
        TypeError,
        "the flow is float64, but the noise is float32",
    ),
    "noise without gradients": (
        lambda: Dequantized(
            flow_of_two(), noise=Family(Dequantized(noise_flow().distribution))
        ),
        ValueError,
        "not reparameterized",
    ),
    "too large a value": (
        lambda: make().log_prob([[0, 2], [0, 6], [9, 9]]),
        ValueError,
        r"'dequantized': x must be integers from -1 to 5, each.*6.0 at \[1, 1\]",
    ),
    "a value in between": (
        lambda: make(low=0).log_prob([0.5, 2.0]),
        ValueError,
        r"but got 0.5 at \[0\]",
    ),
    "not a number": (
        lambda: make().continuous([0, np.nan]),
        ValueError,
        r"but got nan at \[1\]",
    ),
    "another shape": (
        lambda: make().log_prob([0, 1, 2]),
        ValueError,
        r"events have shape \(2,\), but x has shape \(3,\)",
    ),
    "too low a rank": (
        lambda: make().log_prob(1),
        ValueError,
        r"but x has shape \(\)",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(mistake):
    call, error, message = mistake
    with pytest.raises(error, match=f"(?s){message}"):
        call()
