import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import FlowModel, flows

SMALL = {
    "linear": {},
    "planar": {"num_layers": 2},
    "radial": {"num_layers": 2},
    "nice": {"num_layers": 2, "hidden_units": [4]},
    "real_nvp": {"num_layers": 2, "hidden_units": [4]},
}
ALL = pytest.mark.parametrize("name", SMALL)


def make(name, event_size=2, **options):
    options = {"seed": 0} | SMALL[name] | options
    return getattr(flows, name)(event_size, **options)


def moved(flow):
    """The flow with its parameters away from the start."""
    rng = np.random.default_rng(0)
    for v in flow.trainable_variables:
        v.assign_add(rng.normal(scale=0.3, size=v.shape))
    return flow


def points(dtype="float32", event_size=2, num=20):
    return np.random.default_rng(1).normal(1.0, 1.5, [num, event_size]).astype(dtype)


def test_every_flow_is_tested():
    assert set(SMALL) == set(flows.__all__)


@ALL
def test_it_is_a_plain_transformed_distribution(name):
    flow = make(name)
    # TFP makes the base class where a part is no composite tensor.
    assert issubclass(tfd.TransformedDistribution, type(flow))
    assert issubclass(tfb.Chain, type(flow.bijector))
    assert flow.event_shape == [2]
    assert flow.batch_shape == []
    assert flow.name == name


@ALL
@pytest.mark.parametrize("event_size", [2, 3])
def test_it_starts_at_or_near_its_base(name, event_size):
    base = tfd.MultivariateNormalDiag(loc=np.ones(event_size, "float32"))
    flow = make(name, event_size, base=base)
    x = points(event_size=event_size)
    tolerance = 1e-5 if name in ("linear", "nice", "real_nvp") else 0.1
    np.testing.assert_allclose(flow.log_prob(x), base.log_prob(x), atol=tolerance)
    standard = tfd.MultivariateNormalDiag(tf.zeros(event_size))
    expected = standard.log_prob(x)
    np.testing.assert_allclose(
        make(name, event_size).log_prob(x), expected, atol=tolerance
    )


@ALL
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_prob_is_the_change_of_variables(name, dtype):
    flow = moved(make(name, dtype=dtype))
    assert flow.dtype == dtype
    y = tf.constant(points(dtype))
    z = flow.bijector.inverse(tf.identity(y))
    with tf.GradientTape() as tape:
        again = tf.identity(z)
        tape.watch(again)
        x = flow.bijector.forward(again)
    jacobian = tape.batch_jacobian(x, again)
    _, log_det = np.linalg.slogdet(jacobian.numpy())
    expected = flow.distribution.log_prob(z).numpy() - log_det
    tolerance = {"float32": 1e-3, "float64": 1e-9}[dtype]
    np.testing.assert_allclose(x, y, atol=tolerance)
    np.testing.assert_allclose(
        flow.log_prob(tf.identity(y)), expected, rtol=tolerance, atol=tolerance
    )


@ALL
def test_samples_have_the_density(name):
    """Importance weights base(x)/flow(x) of the flow's samples have mean 1."""
    flow = moved(make(name, dtype="float64"))
    x = flow.sample(4000, seed=[0, 1])
    log_prob = flow.log_prob(tf.identity(x))
    # Narrower than the flow is everywhere, so that the weights are bounded.
    narrow = tfd.MultivariateNormalDiag(
        tf.reduce_mean(x, axis=0), 0.5 * tf.math.reduce_std(x, axis=0)
    )
    weights = tf.exp(narrow.log_prob(x) - log_prob).numpy()
    error = weights.std() / np.sqrt(len(weights))
    assert error < 0.1
    assert abs(weights.mean() - 1.0) < 5 * error


@ALL
def test_fit_gives_every_variable_a_gradient(name):
    flow = make(name)
    x = points(num=64)
    model = FlowModel(flow)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    before = model.evaluate(x, verbose=0)
    model.fit(x, epochs=3, verbose=0)
    assert model.evaluate(x, verbose=0) < before
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(flow.log_prob(tf.identity(x)))
    variables = flow.trainable_variables
    assert {id(v) for v in variables} == {id(w.value) for w in model.trainable_weights}
    for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
        assert g is not None, v.name
        assert np.all(np.isfinite(g)) and np.any(g), v.name


@pytest.mark.parametrize("name", ["planar", "radial", "nice", "real_nvp"])
def test_seeds(name):
    def values(seed):
        return [v.numpy() for v in make(name, seed=seed).trainable_variables]

    for a, b in zip(values(0), values(0), strict=True):
        np.testing.assert_array_equal(a, b)
    pairs = list(zip(values(0), values(1), strict=True))
    assert any(np.any(a != b) for a, b in pairs)
    # Not one seed for all layers.
    first, second = make(name, 4).bijector.bijectors[-2:]
    pairs = zip(first.trainable_variables, second.trainable_variables, strict=True)
    same_shape = [(a, b) for a, b in pairs if a.shape == b.shape]
    assert any(np.any(a.numpy() != b.numpy()) for a, b in same_shape)


def test_defaults_are_a_working_flow():
    x = points(event_size=5)
    for name in SMALL:
        flow = getattr(flows, name)(5)
        assert flow.log_prob(x).shape == [20]


@pytest.mark.parametrize("name", ["nice", "real_nvp"])
def test_couplings_reach_every_dimension(name):
    """After two layers every output depends on every input, or D is odd."""
    flow = moved(make(name, 3, num_layers=3))
    z = tf.constant(points(event_size=3, num=4))
    with tf.GradientTape() as tape:
        tape.watch(z)
        x = flow.bijector.forward(z)
    assert np.all(np.abs(tape.batch_jacobian(x, z)).max(axis=0) > 0)


def test_nice_couplings_keep_volumes_and_its_scale_does_not():
    flow = moved(make("nice"))
    *_, first = flow.bijector.bijectors
    x = points()
    np.testing.assert_array_equal(first.forward_log_det_jacobian(x), np.zeros(20))
    log_scale = flow.bijector.bijectors[0].log_scale
    np.testing.assert_allclose(
        flow.bijector.forward_log_det_jacobian(x),
        np.full(20, np.sum(log_scale)),
        rtol=1e-5,
    )


# The direction.


@pytest.mark.parametrize("name", ["planar", "radial"])
def test_fast_says_which_direction_is_the_simple_one(name):
    layer = getattr(tfp_flows.bijectors, name.capitalize())
    simple = {fast: make(name, fast=fast) for fast in ("log_prob", "sample")}
    assert all(type(b) is layer for b in simple["sample"].bijector.bijectors)
    inverted = simple["log_prob"].bijector.bijectors
    assert all(type(b.bijector) is layer for b in inverted)
    # The two are mirror images: the inverse of one is the forward of the other, up
    # to the order of the layers.
    x = points()
    y = x
    for b in reversed(inverted):
        y = b.bijector.inverse(y)
    np.testing.assert_allclose(simple["log_prob"].bijector.forward(x), y, rtol=1e-5)
    default = getattr(flows, name)(2, num_layers=1).bijector.bijectors[0]
    assert issubclass(tfb.Invert, type(default))


def test_the_fast_direction_of_planar_has_no_root_search():
    def has_loop(function):
        graph = tf.function(function).get_concrete_function(tf.ones([3, 2])).graph
        return any("While" in op.type for op in graph.get_operations())

    fast_log_prob, fast_sample = make("planar"), make("planar", fast="sample")
    assert not has_loop(fast_log_prob.log_prob)
    assert has_loop(fast_log_prob.bijector.forward)
    assert not has_loop(fast_sample.bijector.forward)
    assert has_loop(fast_sample.log_prob)


# What is refused.


@ALL
@pytest.mark.parametrize(
    "event_size, error", [(0, ValueError), (-1, ValueError), ("2", TypeError)]
)
def test_bad_event_sizes(name, event_size, error):
    with pytest.raises(error, match=f"event_size.*{event_size}"):
        make(name, event_size)


@pytest.mark.parametrize("name", ["nice", "real_nvp"])
def test_couplings_need_two_dimensions(name):
    with pytest.raises(ValueError, match=f"flows.{name}.*event_size must be 2 or more"):
        make(name, 1)


@pytest.mark.parametrize("name", ["linear", "planar", "radial"])
def test_the_others_take_one_dimension(name):
    assert make(name, 1).log_prob([[0.5]]).shape == [1]


@pytest.mark.parametrize("name", ["planar", "radial", "nice", "real_nvp"])
def test_bad_num_layers(name):
    with pytest.raises(ValueError, match=f"flows.{name}: num_layers.*got 0"):
        make(name, num_layers=0)


@ALL
def test_bad_bases(name):
    with pytest.raises(ValueError, match=rf"flows.{name}: the base.*\[2\].*\(3,\)"):
        make(name, base=tfd.MultivariateNormalDiag(tf.zeros(3)))
    with pytest.raises(ValueError, match=rf"flows.{name}: the base.*\[2\].*\(\)"):
        make(name, base=tfd.Normal(0.0, 1.0))
    with pytest.raises(TypeError, match=f"flows.{name}: the flow is float64.*float32"):
        make(name, base=tfd.MultivariateNormalDiag(tf.zeros(2)), dtype="float64")


@pytest.mark.parametrize("name", ["planar", "radial"])
def test_bad_direction(name):
    with pytest.raises(ValueError, match=f"flows.{name}: fast must be.*got 'x'"):
        make(name, fast="x")


# Against an exact answer.


def test_linear_reaches_the_maximum_likelihood_of_a_gaussian():
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal([5.0, 7.0], [[2.0, 0.7], [0.7, 1.0]], size=500)
    covariance = np.cov(x.T, bias=True)
    # The NLL of the maximum likelihood Gaussian at its own points.
    exact = 1.0 + np.log(2 * np.pi) + 0.5 * np.log(np.linalg.det(covariance))
    flow = flows.linear(2)
    model = FlowModel(flow)
    rate = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=300)
    # The gradients fall by orders of magnitude as the mean is found, and Adam's
    # default of 0.999 would remember the first ones for 1000 steps.
    model.compile(keras.optimizers.Adam(rate, beta_2=0.9))
    model.fit(tf.data.Dataset.from_tensors(x).repeat(300), verbose=0)
    nll = model.evaluate(x, verbose=0)
    assert exact - 1e-4 < nll < exact + 0.01
    matrix, bias = flow.bijector.bijectors[0].matrix, flow.bijector.bijectors[0].bias
    np.testing.assert_allclose(bias, x.mean(axis=0), atol=0.05)
    product = tf.transpose(matrix) @ matrix
    np.testing.assert_allclose(product, covariance, atol=0.05)


def test_the_slow_direction_trains_under_xla():
    """Maximum likelihood through the planar root search, as `fit` does by default."""
    model = FlowModel(flows.planar(2, num_layers=2, fast="sample", seed=0))
    x = np.random.default_rng(0).normal(2.0, 1.0, size=[64, 2])
    before = model.evaluate(x, verbose=0)
    model.compile(keras.optimizers.Adam(0.05))
    model.fit(x, batch_size=64, epochs=20, verbose=0)
    assert model.jit_compile
    assert model.evaluate(x, verbose=0) < before - 0.5


@pytest.mark.parametrize("num_layers", ["2", 2.5, True])
def test_a_number_of_layers_that_is_no_integer(num_layers):
    with pytest.raises(TypeError, match="num_layers must be an integer"):
        flows.planar(2, num_layers=num_layers)


def test_a_base_that_is_no_distribution():
    with pytest.raises(TypeError, match=r"base must be a tfd\.Distribution.*Scale"):
        flows.planar(2, base=tfb.Scale(2.0))


def test_a_dtype_that_is_not_floating():
    with pytest.raises(TypeError, match=r"floating.*int32"):
        flows.real_nvp(2, dtype="int32")
