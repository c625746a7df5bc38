import functools
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import FlowModel, bijectors, flows
from tfp_flows.conditioners import MADE
from tfp_flows.distributions import Flow, StandardNormal
from tfp_flows.testing import FLOW_EXAMPLES

VECTORS = [name for name, e in FLOW_EXAMPLES.items() if not e.is_of_images]


def with_argument(argument, names=VECTORS):
    """The flows that have it."""
    return [
        name
        for name in names
        if argument in inspect.signature(getattr(flows, name)).parameters
    ]


COUPLED = [name for name in VECTORS if FLOW_EXAMPLES[name].smallest == 2]
LAYERED = with_argument("num_layers")
# By a MADE: autoregressive ones with hidden layers, and a permutation if any.
MASKED = with_argument("hidden_units", with_argument("permutation"))
MASKED = ["made", *(name for name in MASKED if name not in COUPLED)]
MIXTURE = bijectors.GaussianMixtureCDF.spec(num_components=3)
VARIANTS = {
    "nsf, autoregressive": {"autoregressive": True},
    "made, of mixtures": {"transformer": MIXTURE},
}
ALL = pytest.mark.parametrize("name", VECTORS)
VARIANTS_TOO = pytest.mark.parametrize("name", [*VECTORS, *VARIANTS])


def make(name, event_size=2, **options):
    example = FLOW_EXAMPLES[name.split(",")[0]]
    return example.make(event_size, **(VARIANTS.get(name, {}) | options))


def moved(flow):
    """The flow with its parameters away from the start."""
    rng = np.random.default_rng(0)
    for v in flow.trainable_variables:
        v.assign_add(rng.normal(scale=0.3, size=v.shape))
    return flow


def jacobian(function, x):
    """``[N, D, D]``; a column at a time, for a sweep is not vectorised."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        columns = tf.unstack(function(tf.identity(x)), axis=-1)
    return np.stack([tape.gradient(column, x) for column in columns], axis=1)


def points(dtype="float32", event_size=2, num=20):
    return np.random.default_rng(1).normal(1.0, 1.5, [num, event_size]).astype(dtype)


@ALL
def test_it_is_a_flow(name):
    flow = make(name)
    assert isinstance(flow, Flow)
    assert isinstance(flow.bijector, bijectors.Chain)
    assert flow.event_shape == [2]
    assert flow.batch_shape == []
    assert flow.name == name


@ALL
@pytest.mark.parametrize("event_size", [2, 3])
def test_it_starts_at_or_near_its_base(name, event_size):
    base = tfd.MultivariateNormalDiag(loc=np.ones(event_size, "float32"))
    if name == "gaussianization":  # Its rotations start at random.
        base = StandardNormal(event_size)
    flow = make(name, event_size, base=base)
    x = points(event_size=event_size)
    tolerance = event_size * FLOW_EXAMPLES[name].start
    np.testing.assert_allclose(flow.log_prob(x), base.log_prob(x), atol=tolerance)
    standard = tfd.MultivariateNormalDiag(tf.zeros(event_size))
    expected = standard.log_prob(x)
    np.testing.assert_allclose(
        make(name, event_size).log_prob(x), expected, atol=tolerance
    )


@VARIANTS_TOO
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_prob_is_the_change_of_variables(name, dtype):
    flow = moved(make(name, dtype=dtype))
    assert flow.dtype == dtype
    y = tf.constant(points(dtype))
    z = flow.bijector.inverse(tf.identity(y))
    x = flow.bijector.forward(tf.identity(z))
    _, log_det = np.linalg.slogdet(jacobian(flow.bijector.forward, z))
    expected = flow.distribution.log_prob(z).numpy() - log_det
    tolerance = {"float32": 1e-3, "float64": 1e-9}[dtype]
    np.testing.assert_allclose(x, y, atol=tolerance)
    np.testing.assert_allclose(
        flow.log_prob(tf.identity(y)), expected, rtol=tolerance, atol=tolerance
    )


@VARIANTS_TOO
def test_samples_have_the_density(name):
    """Importance weights base(x)/flow(x) of the flow's samples have mean 1."""
    flow = moved(make(name, dtype="float64"))
    x = flow.sample(4000, seed=[0, 1])
    log_prob = flow.log_prob(tf.identity(x))
    # Narrower than the flow is everywhere, so that the weights are bounded. (Quartiles,
    # for a deviation says little of heavy tails.)
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
    narrow = tfd.MultivariateNormalDiag(middle, 0.1 * (high - low))
    weights = tf.exp(narrow.log_prob(x) - log_prob).numpy()
    error = weights.std() / np.sqrt(len(weights))
    assert error < 0.1
    assert abs(weights.mean() - 1.0) < 5 * error


@VARIANTS_TOO
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


# (Without a context only the rotations of Gaussianization are random.)
@pytest.mark.parametrize("name", sorted({*LAYERED} - {"gaussianization"}))
def test_seeds(name):
    def values(seed):
        return [v.numpy() for v in make(name, seed=seed).trainable_variables]

    for a, b in zip(values(0), values(0), strict=True):
        np.testing.assert_array_equal(a, b)
    pairs = list(zip(values(0), values(1), strict=True))
    assert any(np.any(a != b) for a, b in pairs)
    # Not one seed for all layers.
    layers = make(name, 4, num_layers=2).bijector.bijectors
    first, second = [layer for layer in layers if layer.trainable_variables][-2:]
    pairs = zip(first.trainable_variables, second.trainable_variables, strict=True)
    same_shape = [(a, b) for a, b in pairs if a.shape == b.shape]
    assert any(np.any(a.numpy() != b.numpy()) for a, b in same_shape)


def test_defaults_are_a_working_flow():
    x = points(event_size=5)
    for name in VECTORS:
        options = FLOW_EXAMPLES[name].options
        required = {k: options[k] for k in {"transformer"} & {*options}}
        flow = getattr(flows, name)(5, **required)
        assert flow.log_prob(x).shape == [20]


@pytest.mark.parametrize("name", [*COUPLED, "maf", "iaf", "nsf, autoregressive"])
def test_every_dimension_reaches_every_other(name):
    """The layers take turns: with three, every output depends on every input.

    (Three, for of an odd number of dimensions two couplings leave some out.)
    """
    num_layers = 3 if name in COUPLED else 2
    flow = moved(make(name, 3, num_layers=num_layers))
    z = tf.constant(0.5 * points(event_size=3, num=30))
    reached = jacobian(flow.bijector.forward, z) != 0
    assert np.all(np.any(reached, axis=0))


def test_one_layer_of_made_is_triangular():
    flow = moved(make("made", 3))
    reached = np.any(jacobian(flow.bijector.forward, points(event_size=3)) != 0, axis=0)
    np.testing.assert_array_equal(reached, np.tri(3))


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


@pytest.mark.parametrize("name", ["planar", "radial", "sylvester"])
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
    assert isinstance(default, bijectors.Invert)


# What is refused.


@ALL
@pytest.mark.parametrize(
    "event_size, error", [(0, ValueError), (-1, ValueError), ("2", TypeError)]
)
def test_bad_event_sizes(name, event_size, error):
    with pytest.raises(error, match=f"event_size.*{event_size}"):
        make(name, event_size)


@pytest.mark.parametrize("name", COUPLED)
def test_couplings_need_two_dimensions(name):
    with pytest.raises(ValueError, match=f"flows.{name}.*event_size must be 2 or more"):
        make(name, 1)


@pytest.mark.parametrize("name", [name for name in VECTORS if name not in COUPLED])
def test_the_others_take_one_dimension(name):
    assert make(name, 1).log_prob([[0.5]]).shape == [1]


@pytest.mark.parametrize("name", LAYERED)
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


@pytest.mark.parametrize("name", ["planar", "radial", "sylvester"])
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


@ALL
def test_a_dtype_that_is_not_floating(name):
    with pytest.raises(TypeError, match=r"floating.*int32"):
        make(name, dtype="int32")


# What an argument may not be, by its name or the type of its default.
BAD = {
    "dtype": ["silly", 3, {}, "float16", "mixed_float16", tf.int32, object],
    "activation": ["silly", 3, {}, object],
    "hidden_units": [0, [0], ["a"], "silly"],
    "permutation": [0, "silly", bijectors.Permutation.random(2)],
    "transformer": [0, "silly", {}],
    "context_size": [0, "silly", 2.5],
    "seed": [2.5, "silly", [1, 2, 3]],
    bool: [0, "silly", None],
    int: [0, 2.5, "silly", None, True],
}


@pytest.mark.parametrize("name", FLOW_EXAMPLES)
def test_each_bad_argument_is_named_and_shown(name):
    """And by this package, not by what it calls."""
    example = FLOW_EXAMPLES[name]
    for argument, parameter in inspect.signature(example.function).parameters.items():
        for bad in BAD.get(argument, BAD.get(type(parameter.default), [])):
            with pytest.raises((TypeError, ValueError)) as caught:
                example.make(**{argument: bad})
                pytest.fail(f"{argument}={bad!r} is taken")
            message = str(caught.value)
            assert argument in message and repr(bad) in message, message
            assert "tfp_flows" in str(caught.traceback[-1].path), message


@pytest.mark.parametrize("name", MASKED)
def test_hidden_layers_that_are_too_narrow(name):
    with pytest.raises(ValueError, match=r"4 units.*too narrow for event_size 6"):
        make(name, 6)


@pytest.mark.parametrize("name", with_argument("num_bins"))
def test_splines_refuse_bad_intervals(name):
    with pytest.raises(ValueError, match="num_bins must be 1 or more"):
        make(name, num_bins=0)
    with pytest.raises(ValueError, match="low < high"):
        make(name, low=1.0, high=-1.0)


def test_made_takes_specifications_only():
    with pytest.raises(TypeError, match=r"transformer must be a TransformerSpec"):
        flows.made(2, transformer=bijectors.Affine)


# Permutations.


def shift_round(event_size, *, seed, dtype):
    """A user's own, that needs neither seed nor dtype."""
    return tfb.Permute(np.roll(np.arange(event_size), 1))


PERMUTATIONS = {
    "reverse": bijectors.Permutation.reverse,
    "random": bijectors.Permutation.random,
    "LU": bijectors.LULinear.trainable,
    "permuted LU": functools.partial(bijectors.LULinear.trainable, permute=True),
    "a user's": shift_round,
}
PERMUTED = [*with_argument("permutation"), "nsf, autoregressive"]


@pytest.mark.parametrize("permutation", PERMUTATIONS)
@pytest.mark.parametrize("name", ["real_nvp", "maf"])
def test_permutations(name, permutation):
    """One between each two layers, in the flow's dtype, with nothing lost."""
    make_one = PERMUTATIONS[permutation]
    options = {"num_layers": 3, "dtype": "float64", "permutation": make_one}
    flow = moved(make(name, 3, **options))
    parts = flow.bijector.bijectors
    kinds = [type(part) for part in parts]
    assert len(kinds) == 5 and len(set(kinds[::2])) == 1
    kind = type(make_one(3, seed=0, dtype="float64"))
    assert kinds[1] == kinds[3] == kind
    x = points("float64", event_size=3)
    z = flow.bijector.inverse(tf.constant(x))
    np.testing.assert_allclose(flow.bijector.forward(tf.identity(z)), x)
    if "LU" in permutation:
        ours = {id(v) for v in flow.trainable_variables}
        assert ours >= {id(v) for v in parts[1].trainable_variables}
        assert parts[1].dtype == tf.float64


def turns(flow):
    """The mask of each coupling, or the order of each autoregressive layer."""
    parts = [getattr(part, "bijector", part) for part in flow.bijector.bijectors[::-1]]
    couplings = [part for part in parts if isinstance(part, bijectors.Coupling)]
    if couplings:
        return [np.asarray(part.parameters["mask"]).tolist() for part in couplings]
    layers = [part for part in parts if isinstance(part, bijectors.Autoregressive)]
    blocks = [part for part in parts if isinstance(part, bijectors.BlockAutoregressive)]
    networks = [part.conditioner for part in layers] + [part.network for part in blocks]
    return [list(network.layer.order) for network in networks]


@pytest.mark.parametrize("name", PERMUTED)
def test_without_a_permutation_the_layers_take_turns(name, event_size=5):
    """Masks alternate; between layers of an order the dimensions are reversed."""
    flow = make(name, event_size, num_layers=4)
    found = turns(flow)
    if name in COUPLED:
        half = [True] * ((event_size + 1) // 2) + [False] * (event_size // 2)
        other = [not passes for passes in half]
        assert found == [half, other, half, other]
        return
    in_order = list(range(event_size))
    assert found == [in_order] * 4
    between = [part.permutation.tolist() for part in flow.bijector.bijectors[1::2]]
    assert between == [in_order[::-1]] * 3


@pytest.mark.parametrize("permutation", ["random", "a user's"])
@pytest.mark.parametrize("name", PERMUTED)
def test_a_permutation_takes_the_place_of_turns(name, permutation):
    """Every layer is then of the same order, or mask."""
    found = turns(make(name, 4, num_layers=3, permutation=PERMUTATIONS[permutation]))
    assert len(found) == 3
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", ["real_nvp", "maf"])
def test_seeds_of_permutations(name):
    def orders(seed):
        flow = make(
            name,
            6,
            num_layers=5,
            hidden_units=[8],
            seed=seed,
            permutation=bijectors.Permutation.random,
        )
        return [tuple(p.permutation) for p in flow.bijector.bijectors[1::2]]

    assert orders(0) == orders(0)
    assert orders(0) != orders(1)
    assert len(set(orders(0))) == 4


@pytest.mark.parametrize("name", PERMUTED)
@pytest.mark.parametrize(
    "permutation", ["reverse", [1, 0], bijectors.Permutation([1, 0])]
)
def test_permutations_that_are_no_functions(name, permutation):
    short = name.split(",")[0]
    with pytest.raises(TypeError, match=rf"flows\.{short}: permutation must be a func"):
        make(name, permutation=permutation)


def test_functions_that_give_no_bijector():
    with pytest.raises(TypeError, match=r"flows\.maf: .*give a bijector.*\[1, 0\]"):
        make("maf", permutation=lambda size, seed, dtype: [1, 0])


# What each is for.


def test_a_mixture_learns_what_a_gaussian_cannot():
    """x₂ is ±2, by chance: a Gaussian has log 2.06 + ½ more than two narrow ones."""
    rng = np.random.default_rng(0)
    x = rng.normal(scale=0.5, size=[256, 2]).astype("float32")
    x[:, 1] += rng.choice([-2.0, 2.0], size=256)

    def trained(transformer):
        flow = flows.made(2, transformer=transformer, hidden_units=[8], seed=0)
        model = FlowModel(flow)
        model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
        data = tf.data.Dataset.from_tensors(x).repeat(100)
        model.fit(data, verbose=0)
        return model.evaluate(x, verbose=0)

    assert trained(MIXTURE) < trained(bijectors.Affine.spec()) - 0.4


def test_iaf_is_the_inverse_of_maf():
    """With the same seed, layer by layer."""
    maf, iaf = (
        moved(make("maf", 3, dtype="float64")),
        moved(make("iaf", 3, dtype="float64")),
    )
    x = points("float64", event_size=3)
    for one, other in zip(maf.bijector.bijectors, iaf.bijector.bijectors, strict=True):
        np.testing.assert_allclose(one.inverse(x), other.forward(x))


def test_heavy_tails_give_no_nan():
    """Eight conditional MAFs; Student's t with 2 degrees, of magnitude 10."""
    tails = 10.0 * np.random.default_rng(0).standard_t(2, size=[500, 64, 5])
    layers = [
        bijectors.Autoregressive(
            MADE(3, [16], order=[[0, 1, 2], [2, 1, 0]][i % 2], context_size=2, seed=i),
            bijectors.Affine.spec(),
        )
        for i in range(8)
    ]
    variables = [v for layer in layers for v in layer.trainable_variables]
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(variables)

    @tf.function
    def train_step(batch):
        x, context = batch[:, :3], batch[:, 3:]
        chain = [layer.copy(context=context) for layer in layers]
        flow = Flow(StandardNormal(3), bijectors.Chain(chain))
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.log_prob(x))
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    losses = [float(train_step(batch)) for batch in tf.constant(tails, tf.float32)]
    assert np.abs(tails).max() > 1000
    assert np.all(np.isfinite(losses))
    assert np.median(losses[-50:]) < np.median(losses[:50]) - 1
    assert all(np.all(np.isfinite(v)) for v in variables)


@pytest.mark.parametrize("name", ["recurrent", "gaussianization"])
def test_a_smaller_last_batch_trains_under_xla(name):
    """Few rows, so that some are far out for the layers that start from them."""
    model = FlowModel(make(name, 4))
    model.compile(keras.optimizers.Adam(1e-3))
    x = np.random.default_rng(0).normal(size=[20, 4]).astype("float32")
    history = model.fit(x, batch_size=8, epochs=1, verbose=0).history
    assert model.jit_compile and np.isfinite(history["loss"]).all()
