"""Transformers whose forward direction is a search for a root."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors, conditioners, networks

SPECS = {
    "MonotonicNetwork": bijectors.MonotonicNetwork.spec(num_units=6),
    "dense MonotonicNetwork": bijectors.MonotonicNetwork.spec(
        num_units=4, num_layers=2
    ),
    "IntegralNetwork": bijectors.IntegralNetwork.spec(num_units=5),
    "SumOfSquares": bijectors.SumOfSquares.spec(),
    "Bernstein": bijectors.Bernstein.spec(degree=8),
    "MixtureCDF": bijectors.MixtureCDF.spec(num_components=4),
    "GaussianMixtureCDF": bijectors.GaussianMixtureCDF.spec(num_components=4),
    "KernelGaussianization": bijectors.KernelGaussianization.spec(num_components=4),
}
TOLERANCE = {"float32": 1e-4, "float64": 1e-8}


def transformer(name, dtype="float64", spread=1.0, size=200, seed=0):
    """With other parameters for each of ``size`` numbers."""
    rng = np.random.default_rng(seed)
    params = rng.normal(scale=spread, size=[size, SPECS[name].num_params])
    return SPECS[name](tf.constant(params, dtype))


def points(dtype, magnitude, size=200):
    return tf.constant(magnitude * np.random.default_rng(1).normal(size=size), dtype)


@pytest.mark.parametrize("magnitude", [1.0, 20.0, 100.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SPECS)
def test_round_trips_far_outside_any_box(name, dtype, magnitude):
    for spread in (0.5, 1.0):
        bijector = transformer(name, dtype, spread)
        y = points(dtype, magnitude)
        back = bijector.forward(tf.identity(bijector.inverse(y)))
        allowed = TOLERANCE[dtype] * (1 + np.abs(y))
        assert np.all(np.abs(back - y) <= allowed)


@pytest.mark.parametrize("name", SPECS)
def test_both_directions_are_finite_with_gradients_for_wild_parameters(name):
    for magnitude in (1.0, 1e4):
        rng = np.random.default_rng(2)
        params = tf.constant(
            20.0 * rng.normal(size=[50, SPECS[name].num_params]), "float32"
        )
        x = points("float32", magnitude, 50)
        for direction in ("forward", "inverse"):
            with tf.GradientTape() as tape:
                tape.watch([params, x])
                bijector = SPECS[name](params)
                value = getattr(bijector, direction)(x)
                log_det = getattr(bijector, f"{direction}_log_det_jacobian")(x, 0)
                total = tf.reduce_sum(value) + tf.reduce_sum(log_det)
            for found in (value, log_det, *tape.gradient(total, [params, x])):
                assert np.isfinite(found).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SPECS)
def test_second_derivatives_where_an_interval_ends(name, dtype):
    bijector = transformer(name, dtype, size=5)
    y = tf.constant([-4.0, np.nextafter(-4.0, 0.0), 0.0, 4.0, 5.0], dtype)
    with tf.GradientTape() as second:
        second.watch(y)
        with tf.GradientTape() as first:
            first.watch(y)
            log_det = bijector.inverse_log_det_jacobian(y, 0)
        slope = first.gradient(log_det, y)
    curvature = second.gradient(slope, y)
    assert np.isfinite(slope).all() and np.isfinite(curvature).all()


@pytest.mark.parametrize("name", SPECS)
def test_the_log_slope_is_that_of_what_is_computed(name):
    for spread in (0.1, 1.0, 5.0):
        bijector = transformer(name, spread=spread)
        y = points("float64", 3.0)
        with tf.GradientTape() as tape:
            tape.watch(y)
            z = bijector.inverse(y)
        slope = tape.gradient(z, y)
        found = bijector.inverse_log_det_jacobian(tf.identity(y), 0)
        assert np.isfinite(found).all()
        # Where the map is nearly flat, autodiff is left with differences.
        np.testing.assert_allclose(np.exp(found), slope, rtol=1e-6, atol=1e-13)


@pytest.mark.parametrize("name", SPECS)
def test_zeros_are_nearly_the_identity(name):
    spec = SPECS[name]
    y = tf.linspace(-3.0, 3.0, 61)
    z = spec(tf.zeros([1, spec.num_params])).inverse(y)
    np.testing.assert_allclose(z, y, atol=0.25)


@pytest.mark.parametrize("name", SPECS)
def test_parts_that_start_alike_learn_to_differ(name):
    """The gradients at zero of one parameter's entries are not all the same."""
    spec = SPECS[name]
    params = tf.zeros([1, spec.num_params])
    with tf.GradientTape() as tape:
        tape.watch(params)
        total = tf.reduce_sum(tf.sin(5 * spec(params).inverse(points("float32", 1.0))))
    parts = np.split(
        tape.gradient(total, params)[0],
        np.cumsum([np.prod(s, dtype=int) for s in spec.param_shapes.values()])[:-1],
    )
    for part in parts:
        assert len(np.unique(np.round(part, 7))) == len(part) or not part.any()
    assert any(len(part) > 1 and part.any() for part in parts)


@pytest.mark.parametrize("structure", ["coupling", "autoregressive"])
@pytest.mark.parametrize("name", SPECS)
def test_serves_both_structures(name, structure):
    if structure == "coupling":
        network = conditioners.MLP([8], seed=0, dtype="float64")
        layer = bijectors.Coupling(network, SPECS[name], [True, False, False])
    else:
        network = conditioners.MADE(3, [8], seed=0, dtype="float64")
        layer = bijectors.Autoregressive(network, SPECS[name])
    rng = np.random.default_rng(3)
    for variable in layer.trainable_variables:
        variable.assign_add(rng.normal(scale=0.5, size=variable.shape))
    y = tf.constant(rng.normal(size=[5, 3]))
    x = tf.function(layer.inverse)(y)
    assert np.abs(x - y).max() > 1e-3
    np.testing.assert_allclose(layer.forward(tf.identity(x)), y, rtol=1e-9, atol=1e-9)


def test_derivatives_of_the_search_are_those_of_the_implicit_function():
    """Of the first and the second order, by input and parameters, under XLA, too."""
    a, x = tf.constant(0.7, tf.float64), tf.constant([-3.0, 0.2, 30.0], tf.float64)
    shape = tf.fill([3, 2, 3], tf.constant(0.5, tf.float64))

    def derivatives(a, x):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch([a, x])
            with tf.GradientTape(persistent=True) as inner:
                inner.watch([a, x])
                y = bijectors.SumOfSquares(shape, a).forward(x)
            first = inner.gradient(y, a), inner.gradient(y, x)
        return y, *first, outer.gradient(first[0], a), outer.gradient(first[1], x)

    # With shift a: y(x) = h(x − a), h the inverse of the polynomial.
    eager = derivatives(a, x)
    for again in (tf.function(derivatives), tf.function(derivatives, jit_compile=True)):
        for found, expected in zip(again(a, x), eager, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    step = 1e-4
    moved = [bijectors.SumOfSquares(shape, a).forward(x + s) for s in (-step, 0, step)]
    slope = (moved[2] - moved[0]) / (2 * step)
    curvature = (moved[2] - 2 * moved[1] + moved[0]) / step**2
    np.testing.assert_allclose(eager[1], -np.sum(slope), rtol=1e-6)
    np.testing.assert_allclose(eager[2], slope, rtol=1e-6)
    np.testing.assert_allclose(eager[3], np.sum(curvature), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(eager[4], curvature, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", SPECS)
def test_parameters_of_unlike_batch_ranks(name):
    """As if all had been of the highest, also where a batch is as long as an axis."""
    spec, size = SPECS[name], 4
    rng = np.random.default_rng(4)
    params = {
        key: tf.constant(rng.normal(size=[size, 3, *shape]))
        for key, shape in spec.param_shapes.items()
    }
    y = tf.constant(rng.normal(size=[3]))
    for lower in params:
        mixed = params | {lower: params[lower][1]}
        full = params | {lower: tf.stack([params[lower][1]] * size)}
        expected = spec.bijector_class(**full).inverse(tf.stack([y] * size))
        found = spec.bijector_class(**mixed).inverse(y)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_validate_args_reaches_the_transformer():
    layer = bijectors.Autoregressive(
        conditioners.MADE(1, [4], seed=0), Bounded.spec(), validate_args=True
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="did not converge"):
        tf.function(layer.forward)(tf.constant([[3.0]]))


class Bounded(bijectors.Monotone):
    """Not onto, as no `Monotone` may be."""

    def __init__(self, shift, validate_args=False, name="bounded"):
        super().__init__(dict(locals()))

    @classmethod
    def _param_shapes(cls):
        return {"shift": ()}

    def _curve(self, rank):
        return lambda y: (tf.tanh(y) + self.shift, tf.math.log(1 - tf.tanh(y) ** 2))


@pytest.mark.parametrize("stream", [False, True])
def test_gaussianization_makes_margins_normal(stream):
    rng = np.random.default_rng(0)
    data = np.stack([rng.exponential(size=4000), rng.normal(size=4000) ** 3], axis=1)
    layer = bijectors.KernelGaussianization.trainable(
        2, num_components=20, dtype="float64"
    )
    assert not layer.adapted
    layer.adapt(tf.data.Dataset.from_tensor_slices(data).batch(333) if stream else data)
    assert layer.adapted and layer.copy().adapted
    z = np.sort(layer.inverse(data), axis=0)
    normal = np.sort(rng.normal(size=[4000, 2]), axis=0)
    assert np.abs(z - normal)[100:-100].max() < 0.3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bijectors.MixtureCDF.spec(num_components=0), "num_components"),
        (lambda: bijectors.MonotonicNetwork.spec(num_units=0), "num_units"),
        (lambda: bijectors.MonotonicNetwork.spec(num_layers=0), "num_layers"),
        (lambda: bijectors.Bernstein.spec(degree=0), "degree"),
        (lambda: bijectors.SumOfSquares.spec(num_polynomials=0), "num_polynomials"),
        (lambda: bijectors.IntegralNetwork.spec(num_points=0), "num_points"),
        (lambda: bijectors.IntegralNetwork.spec(num_points=2), "3 or more.*got 2"),
        (lambda: bijectors.IntegralNetwork.spec(num_panels=3), "even"),
        (
            lambda: bijectors.KernelGaussianization.trainable(1).adapt(
                1e4 * np.random.default_rng(0).normal(size=[100, 1])
            ),
            "column 0 has a standard deviation of .*Standardize",
        ),
        (
            lambda: bijectors.Autoregressive(
                networks.BlockNetwork(2), bijectors.Affine.spec()
            ),
            "use BlockAutoregressive",
        ),
        (lambda: bijectors.IntegralNetwork.spec(low=1.0, high=-1.0), "low < high"),
        (lambda: bijectors.Bernstein.spec(low=float("nan")), "low < high"),
        (lambda: bijectors.Bernstein(tf.zeros([0]), 0.0), "1 or more"),
        (lambda: bijectors.SumOfSquares(tf.zeros([0, 3]), 0.0), "1 polynomial"),
        (
            lambda: bijectors.MixtureCDF([0.0], [0.0, 1.0], [0.0], 0.0, 0.0),
            "must be the same",
        ),
        (
            lambda: bijectors.MonotonicNetwork(
                tf.zeros([2, 3]), tf.zeros([2, 3]), tf.zeros([3])
            ),
            "inner_weights",
        ),
        (
            lambda: bijectors.KernelGaussianization.trainable(2).adapt(
                [[0, 1], [0, 2]]
            ),
            "column 0 is constant",
        ),
        (
            lambda: bijectors.KernelGaussianization(
                tf.zeros([1, 2]), tf.zeros([1, 2]), tf.zeros([1, 2])
            ).adapt([[1.0]]),
            "variables",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("low", [None, "a", [-1.0, -2.0]])
def test_an_interval_of_no_numbers(low):
    with pytest.raises(TypeError, match="low must be a number"):
        bijectors.Bernstein.spec(low=low)
