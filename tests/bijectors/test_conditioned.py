"""Couplings and autoregressive layers: conditioners of all kinds, and contexts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors as b
from tfp_flows.conditioners import MADE, MLP, Conditioner
from tfp_flows.variables import KerasModule

LOWER = np.tril(np.random.default_rng(0).normal(size=[3, 3]), k=-1)
METHODS = [
    "forward",
    "inverse",
    "forward_log_det_jacobian",
    "inverse_log_det_jacobian",
]


def points(*shape, dtype="float64", seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), dtype)


def drawn(bijector, scale=0.5):
    rng = np.random.default_rng(1)
    for v in bijector.trainable_variables:
        v.assign(rng.normal(scale=scale, size=v.shape))
    return bijector


def autoregressive(transformer=None, context=None, size=3, **options):
    network = MADE(size, [8], seed=0, dtype="float64", **options)
    transformer = b.Affine.spec() if transformer is None else transformer
    return drawn(b.Autoregressive(network, transformer, context=context))


def coupling(transformer=None, context=None, **options):
    network = MLP([8], seed=0, dtype="float64", **options)
    transformer = b.Affine.spec() if transformer is None else transformer
    mask = [False, True, False]
    return drawn(b.Coupling(network, transformer, mask, context=context))


KINDS = {"autoregressive": autoregressive, "coupling": coupling}
BOTH = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


# Conditioners of all kinds.


def test_the_inverse_is_the_formula():
    """Data → base: x = (y − t)·exp(−s), with t and s of the dimensions before."""
    bijector = autoregressive(b.Affine.spec(log_scale_bound=None), order=[1, 2, 0])
    y = points(5, 3)
    params = bijector.conditioner(y).numpy().reshape(5, 3, 2)
    expected = (y - params[..., 0]) * np.exp(-params[..., 1])
    np.testing.assert_allclose(bijector.inverse(y), expected)
    np.testing.assert_allclose(
        bijector.inverse_log_det_jacobian(tf.identity(y)),
        -params[..., 1].sum(axis=-1),
    )


def by_matrix(x, lower=LOWER):
    """Shifts of each dimension by those before it."""
    return tf.matmul(x, tf.constant(lower.T, x.dtype))


SHIFT = b.TransformerSpec(tfb.Shift, {"shift": ()})


def test_autoregressive_takes_a_plain_function():
    """y = x + yLᵀ: a linear system, solved by numpy."""
    bijector = b.Autoregressive(by_matrix, SHIFT, event_size=3)
    x = points(5, 3, dtype="float32")
    expected = np.linalg.solve(np.eye(3) - LOWER, x.numpy().T).T
    y = bijector.forward(x)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bijector.inverse(tf.identity(y)), x, atol=1e-5)


@keras.saving.register_keras_serializable(package="tests")
class Ordered(Conditioner):
    """A network that knows its order, but has neither scan nor step of its own."""

    event_size, order = 3, (2, 0, 1)

    def call(self, x):
        place = np.argsort(self.order)
        return by_matrix(x, LOWER[place][:, place])


def test_autoregressive_follows_the_order_of_a_layer():
    bijector = b.Autoregressive(Ordered(dtype="float64"), SHIFT)
    x = points(5, 3)
    place = np.argsort(Ordered.order)
    matrix = np.eye(3) - LOWER[place][:, place]
    expected = np.linalg.solve(matrix, x.numpy().T).T
    np.testing.assert_allclose(bijector.forward(x), expected)


def test_a_wrapped_network_is_as_good_as_a_bare_one():
    """Given as a `KerasModule`, MADE still says its size and brings its own scan."""
    bare = autoregressive()
    network = bare.conditioner.layer
    wrapped = b.Autoregressive(KerasModule(network), b.Affine.spec())
    assert wrapped.event_size == 3
    x = points(5, 3)
    np.testing.assert_array_equal(wrapped.forward(x), bare.forward(x))
    assert len(wrapped.trainable_variables) == len(bare.trainable_variables) == 4


def test_a_wrapped_network_in_a_coupling_with_a_context():
    network = MLP([8], 4, context_size=2, seed=0, dtype="float64")
    network.build((None, 1))
    bijector = drawn(
        b.Coupling(
            KerasModule(network),
            b.Affine.spec(),
            [False, True, False],
            context=points(2),
        )
    )
    x = points(5, 3)
    y = bijector.forward(x)
    np.testing.assert_allclose(bijector.inverse(tf.identity(y)), x)
    assert np.all((y != x).numpy() == [True, False, True])


def test_plain_functions_take_a_context():
    bijector = b.Autoregressive(
        lambda x, context: by_matrix(x) + tf.reduce_sum(context, -1, keepdims=True),
        SHIFT,
        event_size=3,
        context=tf.constant([1.0, 2.0]),
        conditioner_input=None,
    )
    x = points(5, 3, dtype="float32")
    expected = np.linalg.solve(np.eye(3) - LOWER, x.numpy().T + 3.0).T
    np.testing.assert_allclose(bijector.forward(x), expected, rtol=1e-4, atol=1e-4)


def test_a_transformer_of_tfp():
    spec = b.TransformerSpec(tfb.SinhArcsinh, {"skewness": (), "tailweight": ()})
    bijector = autoregressive(spec)
    x = points(5, 3)
    np.testing.assert_allclose(bijector.inverse(tf.identity(bijector.forward(x))), x)


def test_every_spline_as_a_transformer():
    """A root search in each step of the sweep included."""
    x = points(6, 3)
    for cls in (b.CubicSpline, b.LinearSpline, b.CircularRationalQuadraticSpline):
        for make in KINDS.values():
            bijector = make(cls.spec(num_bins=4))
            back = bijector.inverse(tf.identity(bijector.forward(x)))
            np.testing.assert_allclose(back, x, rtol=1e-9, atol=1e-9)


@BOTH
def test_an_inverted_transformer(make):
    """The same parameters, of the other direction."""
    spec = b.RationalQuadraticSpline.spec(num_bins=4)
    x = points(6, 3)
    bijector = make(spec.invert())
    np.testing.assert_allclose(bijector.inverse(tf.identity(bijector.forward(x))), x)
    np.testing.assert_allclose(
        bijector.forward_log_det_jacobian(x),
        -bijector.inverse_log_det_jacobian(tf.identity(bijector.forward(x))),
    )
    params = points(6, 3 * spec.num_params)
    params = tf.reshape(params, [6, 3, spec.num_params])
    y = spec(params).forward(x)
    assert np.abs(y - x).max() > 0.1
    np.testing.assert_allclose(spec.invert()(params).inverse(x), y)
    np.testing.assert_allclose(spec.invert().invert()(params).forward(x), y)


def test_gradients_through_a_root_search_in_each_step():
    """Against differences, of a forward that searches a root for each dimension."""
    bijector = autoregressive(b.GaussianMixtureCDF.spec(num_components=2), size=2)
    x, weights = points(4, 2), points(4, 2, seed=3)
    variables = bijector.trainable_variables

    def total():
        return tf.reduce_sum(weights * bijector.forward(tf.identity(x)))

    with tf.GradientTape() as tape:
        value = total()
    for variable, gradient in zip(
        variables, tape.gradient(value, variables), strict=True
    ):
        move = points(*variable.shape, seed=2)
        start, ends = tf.identity(variable), []
        for sign in (1, -1):
            variable.assign(start + sign * 1e-5 * move)
            ends.append(total())
        variable.assign(start)
        difference = (ends[0] - ends[1]) / 2e-5
        expected = tf.reduce_sum(tf.convert_to_tensor(gradient) * move)
        np.testing.assert_allclose(difference, expected, rtol=1e-5, atol=1e-8)


def test_one_dimension_with_a_context():
    """A conditional density of a number: all parameters come from the context."""
    context = points(6, 2)
    bijector = autoregressive(context=context, size=1, context_size=2)
    x = points(6, 1)
    params = bijector.conditioner(x, context).numpy()
    log_scale = 3 * np.tanh(params[:, 1:] / 3)
    y = bijector.forward(x)
    np.testing.assert_allclose(y, x * np.exp(log_scale) + params[:, :1])
    np.testing.assert_allclose(bijector.inverse(tf.identity(y)), x)
    np.testing.assert_allclose(
        bijector.forward_log_det_jacobian(tf.identity(x)), log_scale[:, 0]
    )
    assert np.ptp(params, axis=0).min() > 1e-3


# Contexts.


@BOTH
@pytest.mark.parametrize("inverted", [False, True])
def test_four_contexts(make, inverted):
    """Four contexts and `sample(4)` give [4, 4, D], as TFP's batches do."""
    context = points(4, 2)
    bijector = make(context=context, context_size=2)
    bijector = tfb.Invert(bijector) if inverted else bijector
    base = tfd.MultivariateNormalDiag(tf.zeros(3, tf.float64))
    flow = tfd.TransformedDistribution(base, bijector)
    assert flow.batch_shape == [4]
    assert flow.event_shape == [3]
    x = flow.sample(4, seed=[0, 1])
    assert x.shape == [4, 4, 3]
    log_prob = flow.log_prob(tf.identity(x))
    assert log_prob.shape == [4, 4]
    # Row by row, with one context at a time.
    for index in range(4):
        one = make(context=context[index], context_size=2)
        one = tfb.Invert(one) if inverted else one
        alone = tfd.TransformedDistribution(base, one)
        np.testing.assert_allclose(alone.log_prob(x[:, index]), log_prob[:, index])
    assert flow.log_prob(points(3)).shape == [4]
    assert flow.log_prob(points(7, 1, 3)).shape == [7, 4]


@BOTH
def test_broadcasting(make):
    """Every method, with more points than contexts, fewer, and both in a batch."""
    bijector = make(context=points(4, 2), context_size=2)
    for shape, batch in [([3], [4]), ([4, 3], [4]), ([7, 1, 3], [7, 4]), ([1, 3], [4])]:
        x = points(*shape)
        wide = tf.broadcast_to(x, [*batch, 3])
        for method in METHODS:
            found = getattr(bijector, method)(tf.identity(x))
            event = [] if "log_det" in method else [3]
            assert found.shape == [*batch, *event], method
            np.testing.assert_allclose(found, getattr(bijector, method)(wide))


@BOTH
def test_a_context_for_all_points(make):
    bijector = make(context=points(2), context_size=2)
    assert bijector.experimental_batch_shape() == []
    x = points(5, 3)
    each = make(context=tf.tile(points(2)[tf.newaxis], [5, 1]), context_size=2)
    np.testing.assert_allclose(bijector.forward(x), each.forward(x))
    assert bijector.forward(x[0]).shape == [3]


@BOTH
def test_copy_with_another_context(make):
    """The weights are the same ones, the context is not."""
    none = make(context_size=2)
    first, second = (none.copy(context=points(2, seed=seed)) for seed in (1, 2))
    x = points(5, 3)
    assert {id(v) for v in first.trainable_variables} == {
        id(v) for v in second.trainable_variables
    }
    expected = make(context=points(2, seed=1), context_size=2).forward(x)
    np.testing.assert_allclose(first.forward(x), expected)
    assert np.all(np.any(first.forward(x) != second.forward(x), axis=0)[[0, 2]])


@BOTH
def test_in_a_chain(make):
    """With a context in one layer and none in the other."""
    chain = tfb.Chain(
        [
            make(context=points(4, 2), context_size=2),
            b.Permutation.reverse(3),
            tfb.Invert(make()),
        ]
    )
    base = tfd.MultivariateNormalDiag(tf.zeros(3, tf.float64))
    flow = tfd.TransformedDistribution(base, chain)
    assert flow.batch_shape == [4]
    x = flow.sample(5, seed=[0, 1])
    assert x.shape == [5, 4, 3]
    z = chain.inverse(tf.identity(x))
    expected = base.log_prob(z) - chain.forward_log_det_jacobian(z)
    np.testing.assert_allclose(flow.log_prob(tf.identity(x)), expected)


@BOTH
def test_a_context_of_unknown_batch(make):
    bijector = make(context_size=2)

    @tf.function(input_signature=[tf.TensorSpec([None, n], tf.float64) for n in (3, 2)])
    def forward_and_back(x, context):
        conditioned = bijector.copy(context=context)
        y = conditioned.forward(x)
        return y, conditioned.inverse(tf.identity(y))

    for num in (5, 1, 0):
        x, context = points(num, 3), points(num, 2, seed=1)
        y, back = forward_and_back(x, context)
        np.testing.assert_allclose(back, x)
        if num:
            np.testing.assert_allclose(
                y, bijector.copy(context=context).forward(x), rtol=1e-12
            )


# What is refused.


def plain(size=3):
    return MADE(size, [4], seed=0)


def taking(size):
    return MADE(3, [4], context_size=size)


AFFINE = b.Affine.spec()
HALF = [True, False, False]
MISTAKES = {
    "a function without a context": (
        lambda: b.Autoregressive(lambda x: x, SHIFT, 3, context=tf.ones([3, 2])),
        ValueError,
        "does not take inputs of size 3.*and a context of size 2",
    ),
    "a layer without a context": (
        lambda: b.Coupling(keras.layers.Dense(4), AFFINE, HALF, context=[1.0]),
        ValueError,
        "inputs of size 1.*and a context of size 1",
    ),
    "MADE without a context": (
        lambda: b.Autoregressive(plain(), AFFINE, context=tf.ones(2)),
        ValueError,
        "takes no context.*got a context of size 2",
    ),
    "MLP without a context": (
        lambda: b.Coupling(MLP([4]), AFFINE, HALF, context=tf.ones(2)),
        ValueError,
        "takes no context.*got a context of size 2",
    ),
    "a context of another size": (
        lambda: b.Autoregressive(taking(3), AFFINE, context=tf.ones([5, 2])),
        ValueError,
        "takes one of size 3.*got a context of size 2",
    ),
    "a context of another size in a copy": (
        lambda: b.Autoregressive(taking(3), AFFINE).copy(context=tf.ones(2)),
        ValueError,
        "takes one of size 3.*got a context of size 2",
    ),
    "a number for a context": (
        lambda: b.Autoregressive(taking(1), AFFINE, context=1.0),
        ValueError,
        r"\[\.\.\., C\].*scalar",
    ),
    "a context of another dtype": (
        lambda: b.Autoregressive(taking(2), AFFINE, context=np.ones(2)),
        TypeError,
        "context must be float32, but got float64",
    ),
    "a layer without an event size": (
        lambda: b.Autoregressive(keras.layers.Dense(6), AFFINE),
        ValueError,
        "event_size must be given",
    ),
    "another event size than the network's": (
        lambda: b.Autoregressive(plain(), AFFINE, event_size=4),
        ValueError,
        "event_size must be the conditioner's, 3, but got 4",
    ),
    "an event size of 0": (
        lambda: b.Autoregressive(keras.layers.Dense(6), AFFINE, event_size=0),
        ValueError,
        "event_size must be 1 or more.*0",
    ),
    "a fraction for an event size": (
        lambda: b.Autoregressive(keras.layers.Dense(6), AFFINE, event_size=2.5),
        TypeError,
        r"event_size must be an integer.*2\.5",
    ),
    "too small an output": (
        lambda: b.Autoregressive(keras.layers.Dense(5), AFFINE, event_size=3),
        ValueError,
        "must give 6 numbers.*got 5",
    ),
    "MADE for another transformer": (
        lambda: b.Autoregressive(MADE(3, [4], 9), AFFINE),
        ValueError,
        "must give 6 numbers.*got 9",
    ),
    "MADE in a coupling of another size": (
        lambda: b.Coupling(plain(2), AFFINE, HALF),
        ValueError,
        "does not take inputs of size 1",
    ),
    "a class as transformer": (
        lambda: b.Autoregressive(plain(), b.Affine),
        TypeError,
        r"TransformerSpec such as Affine\.spec\(\).*Affine",
    ),
    "a number as conditioner": (
        lambda: b.Autoregressive(3, AFFINE, event_size=2),
        TypeError,
        "layer or a function.*3",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_construction(mistake):
    make, error, message = MISTAKES[mistake]
    with pytest.raises(error, match=f"(?s)(Autoregressive|Coupling) '.*{message}"):
        make()


@BOTH
@pytest.mark.parametrize("method", METHODS)
def test_a_missing_context(make, method):
    bijector = make(context_size=2)
    with pytest.raises(ValueError, match=r"takes a context of size 2.*copy\(context="):
        getattr(bijector, method)(points(5, 3))


@BOTH
@pytest.mark.parametrize("method", METHODS)
def test_contexts_that_do_not_broadcast_with_the_points(make, method):
    bijector = make(context=points(4, 2), context_size=2)
    with pytest.raises(ValueError, match=r"\(4,\).*does not broadcast.*\(5, 3\)"):
        getattr(bijector, method)(points(5, 3))


def test_a_plain_function_is_inverted_in_a_graph():
    network = MADE(3, [8], output_size=6, seed=0)
    network.build((None, 3))
    layer = b.Autoregressive(lambda x: network(x), b.Affine.spec(), event_size=3)
    x = tf.ones([2, 3])
    for forward in (layer.forward, tf.function(layer.forward)):
        np.testing.assert_allclose(layer.inverse(forward(x)), x, rtol=1e-5)
