"""MADE: what depends on what, and the one-dimension-at-a-time evaluation."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.conditioners import MADE, Conditioner
from tfp_flows.networks.column_dense import ColumnDense


def made(event_size, hidden_units, num_params=2, dtype="float64", **options):
    """A network with all weights drawn, those of the last layer too."""
    options = {"activation": "tanh", "seed": 0} | options
    net = MADE(
        event_size, hidden_units, event_size * num_params, dtype=dtype, **options
    )
    net.build((None, event_size))
    rng = np.random.default_rng(0)
    for weight in net.weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return net


def points(net, num=6, seed=1):
    """Points and, if the network takes one, a context."""
    rng = np.random.default_rng(seed)
    sizes = [net.event_size, net.context_size]
    return [tf.constant(rng.normal(size=[num, s]), net.dtype) for s in sizes if s]


def dependence(net):
    """Whether a parameter of dimension i (row) depends on an input (column)."""
    inputs = points(net)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        params = net(*inputs)
    shape = [len(inputs[0]), net.event_size, -1]
    found = []
    for jacobian in tape.jacobian(params, inputs):
        # [N, D·K, N, size]: of a point by itself, and no other point.
        own = np.einsum("nkns->nks", jacobian)
        np.testing.assert_allclose(np.sum(own, axis=0), np.sum(jacobian, axis=(0, 2)))
        by_dimension = own.reshape(*shape, own.shape[-1])
        found.append(by_dimension != 0)
    return found


NETWORKS = {
    "linear": lambda: made(4, []),
    "as narrow as can be": lambda: made(4, [3]),
    "no multiple of D": lambda: made(4, [7, 5]),
    "three layers": lambda: made(4, [4, 9, 6]),
    "residual": lambda: made(4, [7, 7, 5], residual=True),
    "in an order": lambda: made(5, [8, 8], order=[3, 0, 4, 1, 2]),
    "backwards": lambda: made(3, [4], order=[2, 1, 0]),
    "with a context": lambda: made(4, [6, 9], context_size=3),
    "linear with a context": lambda: made(3, [], context_size=2),
    "narrow with a context": lambda: made(4, [4, 4], context_size=1, residual=True),
    "one dimension": lambda: made(1, [5], context_size=2),
    "one dimension, linear": lambda: made(1, [], context_size=2),
    "many dimensions": lambda: made(20, [23, 31], order=range(19, -1, -1)),
}
ALL = pytest.mark.parametrize("name", NETWORKS)


@ALL
def test_what_depends_on_what(name):
    """Each parameter on exactly the dimensions before, and on all of the context."""
    net = NETWORKS[name]()
    by_x, *by_context = dependence(net)
    place = np.argsort(net.order)
    before = place[:, np.newaxis] > place
    assert np.all(np.any(by_x, axis=0) == before[:, np.newaxis])
    for found in by_context:
        assert np.all(found)


def test_one_dimension_without_a_context_is_constant():
    net = made(1, [5])
    params = net(points(net)[0])
    np.testing.assert_array_equal(params, np.tile(params[:1], [6, 1]))
    assert np.all(params != 0)


def test_it_starts_at_zero_and_learns():
    net = MADE(3, [8, 8], 6, context_size=2, seed=0)
    x, context = tf.ones([5, 3]), tf.ones([5, 2])
    assert not np.any(net(x, context))
    for _ in range(2):  # The first step frees the last layer.
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((net(x, context) - 1) ** 2)
        weights = [weight.value for weight in net.weights]
        gradients = tape.gradient(loss, weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_sub(0.1 * gradient)
    assert all(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize("residual", [False, True])
def test_residual_blocks_are_what_they_say(residual):
    """By hand, from the weights and the masks."""
    net = made(3, [5, 5, 4], residual=residual)
    (x,) = points(net)
    h = x.numpy()
    for index, layer in enumerate(net.dense):
        kernel, bias = layer.masked_kernel().numpy(), layer.bias.numpy()[:, 0]
        out = h @ kernel.T + bias
        if index < 3:
            out = np.tanh(out) + (h if residual and index == 1 else 0)
        h = out
    np.testing.assert_allclose(net(x), h)


def test_seeds():
    def start(seed):
        net = MADE(3, [6, 6, 6], 6, context_size=2, seed=seed)
        net.build((None, 3))
        return net.get_weights()

    for u, v in zip(start(0), start(0), strict=True):
        np.testing.assert_array_equal(u, v)
    assert np.any(start(0)[0] != start(1)[0])
    drawn = [w for w in start(0) if w.shape == (6, 6)]
    assert np.any(drawn[0] != drawn[1])  # Not one seed for all layers.
    assert np.any(start(None)[0] != start(None)[0])


def test_the_first_units_of_a_layer_do_not_all_bend_at_0():
    net = MADE(2, [16], 4, seed=0)
    net.build((None, 2))
    assert len(np.unique(net.weights[1])) == 16


# Saving.


@pytest.mark.parametrize("activation", ["silu", keras.activations.relu])
def test_configuration_round_trip(activation):
    options = {"order": [2, 0, 1], "context_size": 2, "residual": True, "name": "net"}
    net = made(3, (6, 6), activation=activation, seed=3, **options)
    config = keras.saving.serialize_keras_object(net)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == net.get_config()
    # Built as it was, with the weights that its seed gives.
    same = MADE(3, [6, 6], 6, activation=activation, seed=3, dtype="float64", **options)
    same.build((None, 3))
    for u, v in zip(same.weights, copy.weights, strict=True):
        assert u.dtype == v.dtype
        np.testing.assert_array_equal(u, v.numpy())
    copy.set_weights(net.get_weights())
    np.testing.assert_array_equal(copy(*points(net)), net(*points(net)))


def test_it_is_saved_within_a_keras_model(tmp_path):
    inputs = [keras.Input((3,)), keras.Input((2,))]
    net = MADE(3, [7, 5], 6, order=[1, 0, 2], context_size=2, seed=0)
    model = keras.Model(inputs, net(*inputs))
    for weight in net.weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = [np.ones([4, 3], "float32"), np.full([4, 2], 0.5, "float32")]
    np.testing.assert_array_equal(loaded(x), model(x))
    # Masked weights stay so: the first dimension of the order depends on no other.
    x[0] = x[0] * 7
    changed = np.any(loaded(x) != model([x[0] / 7, x[1]]), axis=0)
    np.testing.assert_array_equal(changed, [1, 1, 0, 0, 1, 1])


def test_column_dense_is_a_masked_product():
    """Wide enough to be computed in parts, each from the rows that it needs."""
    rng = np.random.default_rng(0)
    degrees = np.sort(rng.integers(0, 40, size=600))
    mask = np.arange(40) <= degrees[:, np.newaxis]
    degrees = np.arange(40), degrees
    layer = ColumnDense(600, degrees=degrees, seed=0, dtype="float64")
    h = rng.normal(size=[40, 3])
    layer.build(h.shape)
    layer.bias.assign(rng.normal(size=[600, 1]))
    expected = (layer.kernel.numpy() * mask) @ h + layer.bias.numpy()
    np.testing.assert_allclose(layer(h), expected)


def test_a_graph_holds_no_mask():
    """One of the kernel's size, for each kernel, made XLA slow and graphs large."""
    net = MADE(200, [1000], 200, seed=0)
    net.build((None, 200))
    graph = tf.function(net).get_concrete_function(tf.zeros([3, 200])).graph
    assert graph.as_graph_def().ByteSize() < 200 * 1000


# What is refused.


def build(*args, **options):
    MADE(*args, **options).build((None, args[0]))


MISTAKES = {
    "too few units": (
        lambda: MADE(5, [8, 3]),
        ValueError,
        "3 units.*too narrow for event_size 5.*4 or more",
    ),
    "too few for the context": (
        lambda: MADE(5, [4], context_size=1),
        ValueError,
        "4 units.*5 or more",
    ),
    "an order with a gap": (
        lambda: MADE(3, order=[0, 1, 3]),
        ValueError,
        r"0 … 2 in any order, each once.*\[0, 1, 3\]",
    ),
    "an order of another size": (
        lambda: MADE(3, order=[0, 1]),
        ValueError,
        r"0 … 2.*\[0, 1\]",
    ),
    "an order of numbers": (
        lambda: MADE(2, order=[0.0, 1.0]),
        ValueError,
        r"integers 0 … 1.*\[0\.0, 1\.0\]",
    ),
    "no multiple": (
        lambda: build(3, [4], 7),
        ValueError,
        "multiple of event_size 3.*7",
    ),
    "no output size": (
        lambda: build(3, [4]),
        ValueError,
        "output_size must be known.*give",
    ),
    "no event": (lambda: MADE(0), ValueError, "event_size must be 1 or more.*0"),
    "text": (lambda: MADE("3"), TypeError, "event_size must be an integer.*'3'"),
    "no context": (
        lambda: MADE(3, context_size=0),
        ValueError,
        "context_size must be 1 or more.*0",
    ),
    "one width": (lambda: MADE(3, 8), TypeError, "hidden_units.*integers.*8"),
    "a width of 0": (lambda: MADE(3, [8, 0]), ValueError, "hidden_units.*1 or more"),
    "inputs of another size": (
        lambda: made(3, [4])(tf.ones([5, 2], tf.float64)),
        ValueError,
        "event_size is 3.*inputs of size 2",
    ),
    "built for another size": (
        lambda: MADE(3, [4], 6).build((None, 2)),
        ValueError,
        "event_size is 3.*inputs of size 2",
    ),
    "a context too many": (
        lambda: made(3, [4])(tf.ones([5, 3]), tf.ones([5, 2])),
        ValueError,
        "context_size is None.*of size 2",
    ),
    "a context too few": (
        lambda: made(3, [4], context_size=2)(tf.ones([5, 3])),
        ValueError,
        "context_size is 2.*got no context",
    ),
    "a context of another size": (
        lambda: made(3, [4], context_size=2)(tf.ones([5, 3]), tf.ones([5, 3])),
        ValueError,
        "context_size is 2.*of size 3",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake):
    make, error, message = MISTAKES[mistake]
    with pytest.raises(error, match=f"(?s){message}"):
        make()


# One dimension at a time.


def solve(params, z):
    """An affine step, and not quite: its slope by z is not constant."""
    return params[0] + z * tf.exp(tf.tanh(params[1])) + 0.1 * tf.sin(z)


def one_after_another(net, z, *context):
    """D evaluations, by hand."""
    x = tf.zeros_like(z)
    for i in net.order:
        params = tf.reshape(net(x, *context), [len(z), net.event_size, -1])
        column = solve(tf.transpose(params[:, i]), z[:, i])
        x = tf.where(np.arange(net.event_size) == i, column[:, tf.newaxis], x)
    return x


def values_and_gradients(scan, net, inputs):
    """Of a weighted sum of the outcome, by the inputs and every weight."""
    weights = [weight.value for weight in net.weights]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        x = scan(*inputs)
        factors = tf.sin(1.0 + tf.cast(tf.range(tf.size(x)), x.dtype))
        total = tf.reduce_sum(x * tf.reshape(factors, tf.shape(x)))
    return x, tape.gradient(total, [*inputs, *weights])


def assert_same(found, expected, tolerance):
    np.testing.assert_allclose(found[0], expected[0], rtol=tolerance, atol=tolerance)
    for a, b in zip(found[1], expected[1], strict=True):
        b = tf.zeros_like(a) if b is None else b
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@ALL
def test_scan_equals_as_many_evaluations_as_dimensions(name):
    net = NETWORKS[name]()
    inputs = points(net)
    found = values_and_gradients(functools.partial(net.scan, solve), net, inputs)
    by_hand = functools.partial(one_after_another, net)
    assert_same(found, values_and_gradients(by_hand, net, inputs), 1e-10)
    fallback = functools.partial(Conditioner.scan, net, solve)
    assert_same(found, values_and_gradients(fallback, net, inputs), 1e-10)


GRAPHS = {
    "float32": lambda: made(
        4,
        [7, 7, 5],
        order=[2, 0, 3, 1],
        residual=True,
        context_size=2,
        dtype="float32",
    ),
    "float64": lambda: made(13, [23, 15]),  # Swept in groups.
}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("dtype", GRAPHS)
def test_scan_in_graphs(dtype, jit_compile):
    net = GRAPHS[dtype]()
    inputs = points(net, num=5)
    scan = functools.partial(net.scan, solve)
    signature = [[tf.TensorSpec([None, t.shape[-1]], dtype) for t in inputs]]
    compiled = tf.function(
        lambda inputs: values_and_gradients(scan, net, inputs),
        input_signature=signature,
        jit_compile=jit_compile,
    )
    tolerance = {"float32": 1e-4, "float64": 1e-10}[dtype]
    assert_same(compiled(inputs), values_and_gradients(scan, net, inputs), tolerance)
    if not jit_compile:  # XLA compiles anew for each.
        for num in (0, 1):
            part = [t[:num] for t in inputs]
            expected = values_and_gradients(scan, net, part)
            assert_same(compiled(part), expected, tolerance)
            assert expected[0].shape == [num, net.event_size]


def test_scan_of_no_points():
    net = made(3, [5])
    x, gradients = values_and_gradients(
        functools.partial(net.scan, solve), net, [tf.zeros([0, 3], tf.float64)]
    )
    assert x.shape == [0, 3]
    assert not any(np.any(gradient) for gradient in gradients)


def test_scan_solves():
    """The outcome is a fixed point of one evaluation at it."""
    net = made(
        20, [40, 40], dtype="float32", order=np.random.default_rng(0).permutation(20)
    )
    (z,) = points(net, num=50)
    x = net.scan(solve, z)
    params = tf.reshape(net(x), [50, 20, 2])
    expected = solve(tf.unstack(params, axis=-1), z)
    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("by", ["z", "a weight"])
def test_a_second_derivative_is_refused(by, eager):
    """Not silently wrong."""
    net = made(3, [5])
    (z,) = points(net)
    source = z if by == "z" else net.weights[0].value

    def second(z):
        with tf.GradientTape() as outer:
            outer.watch(z)
            with tf.GradientTape() as inner:
                inner.watch(z)
                total = tf.reduce_sum(net.scan(solve, z) ** 2)
            first = inner.gradient(total, z)
        return outer.gradient(first, z if by == "z" else source)

    with pytest.raises(LookupError, match="second derivative"):
        (second if eager else tf.function(second, autograph=False))(z)


def test_scan_needs_the_context():
    net = made(3, [5], context_size=2)
    z, context = points(net)
    with pytest.raises(ValueError, match="context_size is 2"):
        net.scan(solve, z)
    with pytest.raises(ValueError, match="context_size is 2"):
        net.scan(solve, z, context[:, :1])
    with pytest.raises(ValueError, match="context_size is None"):
        made(3, [5]).scan(solve, z, context)
