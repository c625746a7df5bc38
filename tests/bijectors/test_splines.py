"""The splines: their shape, their gradients, their accuracy, what they refuse."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors as b
from tfp_flows.bijectors.elementwise.spline import Spline

SPLINES = {
    cls.__name__: cls
    for cls in (
        b.LinearSpline,
        b.QuadraticSpline,
        b.CubicSpline,
        b.RationalQuadraticSpline,
        b.CircularRationalQuadraticSpline,
    )
}
ALL = pytest.mark.parametrize("cls", SPLINES.values(), ids=SPLINES)
ON_THE_LINE = pytest.mark.parametrize(
    "cls", [c for name, c in SPLINES.items() if "Circular" not in name]
)
LOW, HIGH = -2.0, 3.0


def make(cls, std=1.0, seed=0, dtype="float64", size=3, num_bins=8, **options):
    rng = np.random.default_rng(seed)
    shapes = {k: v[0] for k, v in cls.spec(num_bins=num_bins).param_shapes.items()}
    params = {
        name: rng.normal(scale=std, size=[size, length])
        for name, length in shapes.items()
    }
    options = {"low": LOW, "high": HIGH} | options
    return cls(**{k: v.astype(dtype) for k, v in params.items()}, **options)


def same(spline, params=None, dtype=None):
    """The spline anew, without what TFP has in its cache."""
    options = dict(spline.parameters)
    params = options if params is None else params
    for name in spline._parameter_properties(None):
        options[name] = tf.cast(params[name], dtype or params[name].dtype)
    return type(spline)(**options)


def inside(num=500, size=3, dtype="float64", seed=1):
    points = np.random.default_rng(seed).uniform(LOW, HIGH, size=[num, size])
    return tf.constant(points, dtype)


def slope_and_value(function, x):
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y.numpy(), tape.gradient(y, x).numpy()


def simple(spline):
    """The direction that has the simple formula, and the logarithm of its slope."""
    if isinstance(spline, b.CubicSpline):
        return spline.inverse, spline.inverse_log_det_jacobian
    return spline.forward, spline.forward_log_det_jacobian


def softmax(logits, minimum):
    """A softmax, of which a part ``minimum`` is dealt out equally."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return minimum / logits.shape[-1] + (1 - minimum) * e / e.sum(-1, keepdims=True)


def knots(spline):
    """Where the pieces of `simple` meet, ends included: ``[K + 1, D]``."""
    if isinstance(spline, b.LinearSpline):
        sizes = np.full(spline.heights.shape, 1.0 / spline.num_bins)
    else:
        sizes = softmax(spline.widths.numpy(), spline.parameters["min_bin_size"])
    ends = np.cumsum(sizes, axis=-1)
    ends = np.concatenate([np.zeros_like(ends[:, :1]), ends], axis=-1)
    ends[:, -1] = 1.0
    low, high = (spline.parameters[name] for name in ("low", "high"))
    return (low + (high - low) * ends).T


# The shape.


@ALL
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zeros_are_the_identity(cls, dtype):
    spline = make(cls, std=0.0, dtype=dtype)
    x = tf.concat([inside(dtype=dtype), 10.0 * inside(dtype=dtype)], axis=0)
    tolerance = 300 * np.finfo(dtype).eps
    np.testing.assert_allclose(spline.forward(x), x, atol=tolerance)
    np.testing.assert_allclose(spline.inverse(tf.identity(x)), x, atol=tolerance)
    ldj = spline.forward_log_det_jacobian(tf.identity(x))
    np.testing.assert_allclose(ldj, np.zeros(x.shape), atol=tolerance)


@ON_THE_LINE
def test_identity_outside(cls):
    """All points outside: slope 1, and nothing to learn but also no NaN."""
    spline = make(cls, std=3.0, dtype="float32")
    x = tf.constant([[LOW - 1e-6, LOW - 5.0, -1e6], [HIGH + 1e-6, HIGH + 1.0, 3e38]])
    params = [getattr(spline, name) for name in spline._parameter_properties(None)]
    for function, log_det in [
        (spline.forward, spline.forward_log_det_jacobian),
        (spline.inverse, spline.inverse_log_det_jacobian),
    ]:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([x, *params])
            y, ldj = function(x), log_det(tf.identity(x))
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(ldj, np.zeros(x.shape))
        np.testing.assert_array_equal(tape.gradient(y, x), np.ones(x.shape))
        for gradient in tape.gradient([y, ldj], params):
            np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


@ALL
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_increasing_from_end_to_end(cls, dtype):
    """At steps of 5e-4, and exactly from low to high."""
    spline = make(cls, std=3.0, dtype=dtype)
    x = tf.constant(np.linspace([LOW] * 3, [HIGH] * 3, 10_001), dtype)
    # Rounding may move each of two neighbours.
    noise = {"float32": 4e-6, "float64": 0.0}[dtype]
    for function in (spline.forward, spline.inverse):
        y = function(x).numpy()
        assert np.all(np.diff(y, axis=0) > -noise)
        ends = [[LOW] * 3, [HIGH] * 3]
        np.testing.assert_allclose(
            y[[0, -1]], ends, atol=20 * np.finfo(dtype).eps, rtol=0
        )


@ALL
def test_gradients_at_the_knots(cls):
    """Autodiff, the log-determinant and differences on either side agree."""
    spline = make(cls, seed=3)
    function, log_det = simple(spline)
    x = knots(spline)
    inner, step = x[1:-1], 1e-8
    value, slope = slope_and_value(function, inner)
    np.testing.assert_allclose(slope, np.exp(log_det(tf.constant(inner))))
    right = (function(tf.constant(inner + step)) - value) / step
    left = (value - function(tf.constant(inner - step))) / step
    if cls is b.LinearSpline:  # A kink: the knot belongs to one of its pieces.
        error = np.minimum(np.abs(slope - left), np.abs(slope - right))
        np.testing.assert_allclose(error, np.zeros(error.shape), atol=1e-5)
    else:
        np.testing.assert_allclose(slope, right, rtol=1e-4)
        np.testing.assert_allclose(slope, left, rtol=1e-4)


def test_a_knot_of_a_linear_spline_belongs_to_the_piece_that_begins_there():
    """Knots that are exact in binary, so that there is no doubt of where they are."""
    spline = make(b.LinearSpline, num_bins=4, low=0.0, high=1.0)
    x = np.full([4, 3], [[0.0], [0.25], [0.5], [0.75]])
    _, slope = slope_and_value(spline.forward, x)
    heights = softmax(spline.heights.numpy(), spline.parameters["min_bin_size"])
    np.testing.assert_allclose(slope, 4 * heights.T)
    np.testing.assert_allclose(
        spline.forward_log_det_jacobian(tf.constant(x)), np.log(4 * heights.T)
    )


@ON_THE_LINE
def test_gradients_at_the_ends_of_the_interval(cls):
    spline = make(cls, seed=4)
    ends = np.array([[LOW] * 3, [HIGH] * 3])
    function, log_det = simple(spline)
    _, slope = slope_and_value(function, ends)
    np.testing.assert_allclose(slope, np.exp(log_det(tf.constant(ends))))
    inward = np.array([[1e-7], [-1e-7]])
    within = (function(tf.constant(ends + inward)) - ends) / inward
    if cls in (b.QuadraticSpline, b.RationalQuadraticSpline):
        np.testing.assert_allclose(slope, np.ones([2, 3]), rtol=1e-12)
    np.testing.assert_allclose(slope, within, rtol=1e-4)


@ALL
def test_the_slope_is_continuous(cls):
    """Between neighbours 1e-6 apart, across all knots: but for the linear spline's."""
    spline = make(cls, seed=5, std=0.5)
    function, _ = simple(spline)
    x = knots(spline)[1:-1]
    slopes = [slope_and_value(function, x + shift)[1] for shift in (-5e-7, 5e-7)]
    jump = np.abs(slopes[1] - slopes[0]) / slopes[0]
    assert np.all(jump > 1e-3) if cls is b.LinearSpline else np.all(jump < 1e-4)


@ALL
def test_least_bins(cls):
    spline = make(cls, std=20.0, min_bin_size=0.05)
    function, _ = simple(spline)
    x = knots(spline)
    y = function(tf.constant(x)).numpy()
    least = 0.05 * (HIGH - LOW) / spline.num_bins * (1 - 1e-9)
    assert np.diff(x, axis=0).min() >= least
    if cls is b.QuadraticSpline:  # Only its widths have a floor.
        return
    assert np.diff(y, axis=0).min() >= least
    # And not above the floor: the parameters differ by tens.
    assert np.diff(y, axis=0).min() <= 1.01 * least


@pytest.mark.parametrize("least", [1e-3, 0.2])
def test_least_slopes(least):
    x = inside(num=5000)
    quadratic = make(b.QuadraticSpline, std=20.0, min_slope=least)
    slopes = np.exp(quadratic.forward_log_det_jacobian(x))
    assert least * (1 - 1e-9) <= slopes.min() <= 1.3 * least
    rational = make(b.RationalQuadraticSpline, std=20.0, min_slope=least)
    at_knots = tf.constant(knots(rational))
    slopes = np.exp(rational.forward_log_det_jacobian(at_knots))
    assert least * (1 - 1e-9) <= slopes.min() <= 1.01 * least
    cubic = make(b.CubicSpline, std=20.0, min_slope=least)
    x = knots(cubic)
    y = cubic.inverse(tf.constant(x)).numpy()
    chords = (np.diff(y, axis=0) / np.diff(x, axis=0))[[0, -1]]
    at_ends = tf.constant(x[[0, -1]])
    relative = np.exp(cubic.inverse_log_det_jacobian(at_ends)) / chords
    assert relative.min() >= least * (1 - 1e-9)
    assert relative.max() <= 3 - least * (1 - 1e-9)


# Gradients.


@ALL
def test_gradients_by_parameters_are_differences(cls):
    """Of values and log-determinants, in both directions, at points in every bin."""
    spline = make(cls, num_bins=4, std=1.5)
    names = list(spline._parameter_properties(None))
    rng = np.random.default_rng(0)
    y = inside(num=40)
    weights = tf.constant(rng.normal(size=[4, 40, 3]))

    def total(params):
        s = same(spline, params)
        outputs = [
            s.forward(y),
            s.inverse(y),
            s.forward_log_det_jacobian(tf.identity(y)),
            s.inverse_log_det_jacobian(tf.identity(y)),
        ]
        return tf.reduce_sum(weights * tf.stack(outputs))

    params = {name: getattr(spline, name) for name in names}
    with tf.GradientTape() as tape:
        tape.watch(params)
        value = total(params)
    gradients = tape.gradient(value, params)
    for name in names:
        direction = tf.constant(rng.normal(size=params[name].shape))
        step = 1e-6
        moved = [
            total(params | {name: params[name] + sign * step * direction})
            for sign in (1, -1)
        ]
        difference = (moved[0] - moved[1]) / (2 * step)
        expected = tf.reduce_sum(direction * gradients[name])
        np.testing.assert_allclose(difference, expected, rtol=2e-4, atol=1e-5)


@ALL
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_log_determinant_and_its_gradient(cls, direction):
    """Against the slope by autodiff, and the slope's own derivative."""
    spline = make(cls)
    x = inside()
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = getattr(spline, direction)(x)
        log_slope = tf.math.log(inner.gradient(y, x))
        log_det = getattr(spline, f"{direction}_log_det_jacobian")(tf.identity(x))
    np.testing.assert_allclose(log_slope, log_det, atol=1e-9)
    if cls is b.LinearSpline:
        return  # Both derivatives are 0.
    found, expected = outer.gradient(log_det, x), outer.gradient(log_slope, x)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert np.abs(found).max() > 0.1


@ALL
@pytest.mark.parametrize("where", ["all outside", "mixed", "far"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_parameters_and_points(cls, where, dtype):
    """Standard deviation 20 and points up to ±1e6: finite values and gradients."""
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], size=[200, 3])
    points = {
        "all outside": signs * rng.uniform(5.0, 100.0, size=[200, 3]),
        "mixed": rng.uniform(LOW - 2, HIGH + 2, size=[200, 3]),
        "far": signs * 10 ** rng.uniform(-6, 6, size=[200, 3]),
    }
    x = tf.constant(points[where], dtype)
    for seed in range(2):
        spline = make(cls, std=20.0, seed=seed, dtype=dtype)
        params = [getattr(spline, name) for name in spline._parameter_properties(None)]
        with tf.GradientTape() as tape:
            tape.watch([x, *params])
            outputs = [
                spline.forward(x),
                spline.inverse(x),
                spline.forward_log_det_jacobian(tf.identity(x)),
                spline.inverse_log_det_jacobian(tf.identity(x)),
            ]
            total = tf.add_n([tf.reduce_sum(output) for output in outputs])
        for value in [*outputs, *tape.gradient(total, [x, *params])]:
            assert np.all(np.isfinite(value))


# Accuracy.


def away_from_knots(spline, x):
    """Whether a rounding of x or of its image cannot change its piece."""
    if not isinstance(spline, b.LinearSpline):
        return np.full(x.shape, True)
    steps = np.abs(np.asarray(x)[:, np.newaxis] - knots(spline))
    return steps.min(axis=1) > 1e-3


EPS = np.finfo("float32").eps
FIGURES = {"float32": 1e-3, "float64": 1e-8}


def there_and_back(spline, x, first, second):
    """Errors of points and log-determinants, nothing of them looked up."""
    there, back = same(spline), same(spline)
    y = getattr(there, first)(x)
    again = getattr(back, second)(tf.identity(y))
    log_dets = [
        getattr(there, f"{first}_log_det_jacobian")(x),
        getattr(back, f"{second}_log_det_jacobian")(tf.identity(y)),
    ]
    away = away_from_knots(spline, y if first == "inverse" else x)
    return [np.abs(e)[away].max() for e in (again - x, log_dets[0] + log_dets[1])]


def check_round_trips(cls, dtype, **options):
    """Parameters with standard deviation 5; points over and beyond the interval."""
    for seed in range(3):
        spline = make(
            cls, std=5.0, seed=seed, dtype=dtype, size=4, low=-5.0, high=5.0, **options
        )
        x = np.random.default_rng(seed).uniform(-6.0, 6.0, size=[4096, 4])
        x = tf.constant(x, dtype)
        forth = there_and_back(spline, x, "forward", "inverse")
        back = there_and_back(spline, x, "inverse", "forward")
        assert max(forth + back) <= FIGURES[dtype], (seed, forth, back)


@pytest.mark.parametrize("dtype", FIGURES)
@ALL
def test_round_trip(cls, dtype):
    check_round_trips(cls, dtype)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@ALL
def test_float32_loses_no_more_than_the_curve_magnifies(cls, direction):
    """Against float64 with the same parameters: a few roundings of point and value.

    A rounding of the point reaches the value times the slope, and the
    log-determinant times that one's slope.
    """
    for seed in range(3):
        spline = make(cls, std=5.0, seed=seed, dtype="float32", low=-5.0, high=5.0)
        exact = same(spline, dtype="float64")
        x = np.random.default_rng(seed).uniform(-6.0, 6.0, size=[4096, 3])
        x = x.astype("float32")
        value, log_det = (
            getattr(spline, name)(x)
            for name in (direction, f"{direction}_log_det_jacobian")
        )
        wide = tf.constant(x, "float64")
        with tf.GradientTape() as tape:
            tape.watch(wide)
            exact_log_det = getattr(exact, f"{direction}_log_det_jacobian")(wide)
        bend = tape.gradient(exact_log_det, wide)
        bend = np.zeros(x.shape) if bend is None else np.abs(bend)
        slope = np.exp(exact_log_det)
        rounding = 5 * (exact.parameters["high"] - exact.parameters["low"]) * EPS
        away = away_from_knots(spline, x) & away_from_knots(exact, value)
        error = np.abs(tf.cast(value, "float64") - getattr(exact, direction)(wide))
        assert np.all(error[away] <= (rounding * (1 + slope))[away])
        error = np.abs(tf.cast(log_det, "float64") - exact_log_det)
        assert np.all(error[away] <= (rounding * (1 + bend))[away])


# Against TFP.


def test_rational_quadratic_against_tfp():
    spline = make(b.RationalQuadraticSpline, std=2.0)
    widths, heights, slopes = (
        getattr(spline, name).numpy() for name in ("widths", "heights", "slopes")
    )
    least, least_slope = (
        spline.parameters[name] for name in ("min_bin_size", "min_slope")
    )
    bound = -np.log(least_slope)
    theirs = tfb.RationalQuadraticSpline(
        bin_widths=(HIGH - LOW) * softmax(widths, least),
        bin_heights=(HIGH - LOW) * softmax(heights, least),
        knot_slopes=np.exp(bound * np.tanh(slopes / bound)),
        range_min=LOW,
    )
    x = tf.concat([inside(), 3.0 * inside()], axis=0)
    for name in ("forward", "inverse"):
        np.testing.assert_allclose(
            getattr(spline, name)(x), getattr(theirs, name)(x), rtol=1e-9, atol=1e-9
        )
        log_det = f"{name}_log_det_jacobian"
        np.testing.assert_allclose(
            getattr(spline, log_det)(tf.identity(x)),
            getattr(theirs, log_det)(tf.identity(x)),
            atol=1e-7,
        )


# On the circle.


def test_the_circle_closes():
    spline = make(b.CircularRationalQuadraticSpline, std=2.0, low=-np.pi, high=np.pi)
    x = inside()
    for turns in (1.0, -3.0):
        for function in (spline.forward, spline.inverse):
            moved = function(x + turns * 2 * np.pi)
            np.testing.assert_allclose(
                moved, function(x) + turns * 2 * np.pi, atol=1e-10
            )
    shape = [3]
    np.testing.assert_array_equal(
        spline.forward(tf.fill(shape, tf.constant(-np.pi, tf.float64))),
        np.full(shape, -np.pi),
    )


def test_the_circle_has_no_seam():
    """The slope is the same on both sides of the cut, and it is no constant."""
    spline = make(b.CircularRationalQuadraticSpline, std=2.0)
    slopes = [
        slope_and_value(spline.forward, np.full([3], cut + side * 1e-8))[1]
        for cut in (LOW, HIGH)
        for side in (-1, 0, 1)
    ]
    for slope in slopes[1:]:
        np.testing.assert_allclose(slope, slopes[0], rtol=1e-5)
    assert np.ptp(slopes[0]) > 0.1


# What is refused.

MISTAKES = {
    "turned round": ({"low": 1.0, "high": -1.0}, r"low < high.*low=1\.0.*high=-1\.0"),
    "empty": ({"low": 1.0, "high": 1.0}, r"low < high.*high=1\.0"),
    "without end": ({"high": np.inf}, "finite ends.*high=inf"),
    "no number": ({"low": np.nan}, "finite ends.*low=nan"),
    "too large bins": ({"min_bin_size": 1.0}, r"min_bin_size.*between 0 and 1.*1\.0"),
    "bins of all sizes": ({"min_bin_size": 0.0}, r"min_bin_size.*0 and 1.*got 0\.0"),
    "negative bins": ({"min_bin_size": -0.1}, r"min_bin_size.*0 and 1.*-0\.1"),
}


@ALL
@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("how", ["itself", "spec", "trainable"])
def test_bad_intervals(cls, mistake, how):
    options, message = MISTAKES[mistake]
    construct = {
        "itself": functools.partial(make, cls, num_bins=4),
        "spec": functools.partial(cls.spec, num_bins=4),
        "trainable": functools.partial(cls.trainable, 2, num_bins=4),
    }[how]
    with pytest.raises(ValueError, match=f"{cls.__name__}.*{message}"):
        construct(**options)


@pytest.mark.parametrize("slope", [0.0, 1.0, -0.1, np.nan])
@pytest.mark.parametrize(
    "cls", [c for name, c in SPLINES.items() if name != "LinearSpline"]
)
def test_bad_slopes(cls, slope):
    for construct in (cls.spec, functools.partial(make, cls)):
        with pytest.raises(ValueError, match=f"min_slope.*between 0 and 1.*{slope}"):
            construct(min_slope=slope)


@ALL
@pytest.mark.parametrize("construct", ["spec", "trainable"])
def test_bad_numbers_of_bins(cls, construct):
    first = {"spec": [], "trainable": [2]}[construct]
    with pytest.raises(ValueError, match=f"{cls.__name__}.*num_bins.*1 or more.*0"):
        getattr(cls, construct)(*first, num_bins=0)
    for wrong in (2.5, "8", True):
        with pytest.raises(TypeError, match="num_bins must be an integer"):
            getattr(cls, construct)(*first, num_bins=wrong)


@ALL
def test_unlike_lengths(cls):
    sizes = {k: v[0] for k, v in cls.spec(num_bins=4).param_shapes.items()}
    for name in sizes:
        wrong = sizes | {name: sizes[name] + 1}
        if len(sizes) == 1:
            wrong = {name: 0}
        with pytest.raises(ValueError, match=f"(?s){cls.__name__}.*{name}.*fit"):
            cls(**{k: np.zeros([2, size]) for k, size in wrong.items()})


@ALL
def test_one_bin(cls):
    """The least that there is; without inner knots most are the identity then."""
    spline = make(cls, num_bins=1)
    x = inside()
    assert spline.num_bins == 1
    np.testing.assert_allclose(spline.inverse(tf.identity(spline.forward(x))), x)


@ALL
def test_spec(cls):
    spec = cls.spec(num_bins=5, low=-1.0, high=2.0, min_bin_size=0.02)
    spline = spec(tf.zeros([3, spec.num_params]))
    assert isinstance(spline, Spline) and spline.num_bins == 5
    assert spline.parameters["low"] == -1.0
    assert spline.parameters["min_bin_size"] == 0.02
    # The parameters may have their axis anywhere, and give the same.
    params = np.random.default_rng(0).normal(size=[7, 3, spec.num_params])
    x = inside(num=7)
    expected = spec(tf.constant(params)).forward(x)
    columns = spec(tf.constant(params.transpose(1, 2, 0)), axis=1)
    np.testing.assert_allclose(columns.forward(tf.transpose(x)), tf.transpose(expected))
