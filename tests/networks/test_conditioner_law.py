"""Every network for autoregressive layers: what depends on what, both evaluations."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors as b
from tfp_flows.conditioners import MADE, NADE, PixelCNN, Recurrent, WaveNet

ORDER = [3, 0, 4, 1, 2]
IMAGE = {"num_layers": 3, "first_kernel_size": 3}
NETWORKS = {
    "MADE": functools.partial(MADE, 5, [6]),
    "MADE, in an order": functools.partial(MADE, 5, [6], order=ORDER),
    "NADE": functools.partial(NADE, 5, 4),
    "NADE, in an order": functools.partial(NADE, 5, 4, order=ORDER),
    "WaveNet": functools.partial(WaveNet, 5, 3),
    "WaveNet, in an order": functools.partial(
        WaveNet, 5, 3, order=ORDER, kernel_size=3, dilations=[1, 2, 1]
    ),
    "LSTM": functools.partial(Recurrent, 5, 3),
    "GRU, in an order": functools.partial(
        Recurrent, 5, 3, order=ORDER, cell=keras.layers.GRUCell
    ),
    "GRU, rows": functools.partial(
        Recurrent, 6, 3, row_size=3, cell=keras.layers.GRUCell
    ),
    "PixelCNN": functools.partial(PixelCNN, (3, 4, 1), 3, **IMAGE),
    "PixelCNN, 3 channels": functools.partial(
        PixelCNN, (2, 2, 3), 7, channel_order=[2, 0, 1], **IMAGE
    ),
}
# With a loop around it XLA compiles many layers for long.
NETWORKS["PixelCNN, one layer"] = functools.partial(
    PixelCNN, (2, 2, 2), 3, num_layers=1, channel_order=[1, 0]
)
STEPPING = [name for name in NETWORKS if "PixelCNN" not in name]
ALL = pytest.mark.parametrize("name", NETWORKS)
CONTEXTS = pytest.mark.parametrize("context_size", [None, 2])


@functools.cache
def drawn(name, context_size=None, dtype="float64"):
    """A layer with all weights away from their start, the last network's too."""
    network = NETWORKS[name](seed=0, context_size=context_size, dtype=dtype)
    context = None
    if context_size is not None:
        context = tf.constant(numbers(3, context_size, seed=2), dtype)
    layer = b.Autoregressive(network, b.Affine.spec(), context=context)
    rng = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(scale=0.6, size=variable.shape))
    return layer


def numbers(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


def network_and_inputs(layer):
    network = layer.conditioner.layer
    x = tf.constant(numbers(3, network.event_size), layer.dtype)
    return network, [x] if layer.context is None else [x, layer.context]


@ALL
@CONTEXTS
def test_what_depends_on_what(name, context_size):
    """Parameters on each dimension before, on no other, and on all of the context."""
    network, inputs = network_and_inputs(drawn(name, context_size))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        params = tf.reshape(network(*inputs), [3, network.event_size, -1])
        columns = tf.unstack(params, axis=1)
        # Of unequal weights, and of squares, so that nothing cancels.
        totals = [tf.reduce_sum(column**2 * [1.0, 2.0]) for column in columns]
    by_inputs = [
        tape.gradient(total, inputs, unconnected_gradients="zero") for total in totals
    ]
    by_x = np.stack([gradients[0] for gradients in by_inputs])
    place = np.argsort(network.order)
    before = place[:, np.newaxis] > place
    np.testing.assert_array_equal(np.any(by_x != 0, axis=1), before)
    for gradients in by_inputs:
        assert all(np.all(gradient != 0) for gradient in gradients[1:])


def both_directions(layer, x):
    """With the gradients of each by the point and every variable."""
    found = []
    for direction in (layer.forward, layer.inverse):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = direction(tf.identity(x))
            total = tf.reduce_sum(
                tf.sin(y) * tf.range(1.0, y.shape[-1] + 1.0, 1.0, y.dtype)
            )
        found.append((y, tape.gradient(total, [x, *layer.trainable_variables])))
    return found


@ALL
@CONTEXTS
def test_round_trip_and_gradients(name, context_size):
    """`scan` finds the point whose own parameters, all at once, lead back."""
    layer = drawn(name, context_size)
    x = tf.constant(numbers(3, layer.event_size, seed=3))
    (y, by_forward), (_, by_inverse) = both_directions(layer, x)
    np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, rtol=1e-9, atol=1e-10)
    for gradient in (*by_forward, *by_inverse):
        assert np.all(np.isfinite(gradient)) and np.any(gradient)


@ALL
def test_it_starts_at_zero(name):
    network = NETWORKS[name](seed=0, context_size=2)
    network.output_size = 3 * network.event_size
    params = network(tf.ones([2, network.event_size]), tf.ones([2, 2]))
    assert params.shape == [2, 3 * network.event_size]
    assert not np.any(params)
    assert len(network.trainable_weights) == len(network.trainable_variables) > 3
    shape = network.compute_output_shape((None, network.event_size), (None, 2))
    assert shape == (None, 3 * network.event_size)


@pytest.mark.parametrize("name", STEPPING[1:])
def test_scan_is_as_exact_in_float32(name):
    layer = drawn(name, dtype="float32")
    x = tf.constant(numbers(50, layer.event_size, seed=3), tf.float32)
    y = layer.forward(x)
    assert y.dtype == tf.float32
    np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, rtol=1e-4, atol=1e-5)


XLA = ["NADE, in an order", "WaveNet, in an order", "GRU, rows", "PixelCNN, one layer"]


@pytest.mark.parametrize("name", XLA)
def test_compiled_it_is_the_same(name):
    layer = drawn(name, 2)
    x = tf.constant(numbers(3, layer.event_size, seed=3))
    compiled = tf.function(functools.partial(both_directions, layer), jit_compile=True)
    expected = tf.nest.flatten(both_directions(layer, x))
    for found, value in zip(tf.nest.flatten(compiled(x)), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", XLA)
def test_any_batch_and_an_unknown_number_of_points(name):
    layer = drawn(name)
    size = layer.event_size
    x = tf.constant(numbers(2, 3, size))
    flat = tf.reshape(layer.forward(tf.reshape(x, [6, size])), [2, 3, size])
    np.testing.assert_allclose(layer.forward(x), flat)
    np.testing.assert_allclose(layer.forward(x[0, 0]), flat[0, 0])
    signature = [tf.TensorSpec([None, size], tf.float64)]
    graph = tf.function(lambda x: layer.forward(x), input_signature=signature)
    np.testing.assert_allclose(graph(x[1]), flat[1])
    assert graph(x[1, :0]).shape == [0, size]


@pytest.mark.parametrize("name", XLA)
def test_configuration_round_trip(name):
    network = NETWORKS[name](seed=3, context_size=2, dtype="float64", name="net")
    network.output_size = 2 * network.event_size
    network.build((None, network.event_size))
    config = keras.saving.serialize_keras_object(network)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == network.get_config()
    # Built as it was, with the weights that its seed gives.
    for u, v in zip(network.weights, copy.weights, strict=True):
        assert u.dtype == v.dtype
        np.testing.assert_array_equal(u, v.numpy())
    for weight in network.trainable_weights:
        weight.assign(numbers(*weight.shape))
    copy.set_weights(network.get_weights())
    inputs = [tf.constant(numbers(3, s)) for s in (network.event_size, 2)]
    np.testing.assert_array_equal(copy(*inputs), network(*inputs))


@pytest.mark.parametrize("name", [*XLA[:3], "PixelCNN, 3 channels"])
def test_seeds(name):
    def start(seed):
        network = NETWORKS[name](seed=seed, context_size=2)
        network.output_size = network.event_size
        network.build((None, network.event_size))
        return [w.numpy() for w in network.trainable_weights]

    for u, v in zip(start(0), start(0), strict=True):
        np.testing.assert_array_equal(u, v)
    for other in (1, None):
        pairs = [(u, v) for u, v in zip(start(0), start(other), strict=True) if u.any()]
        drawn_ones = [np.any(u != v) for u, v in pairs if not np.all(u == u.flat[0])]
        assert len(drawn_ones) >= 3 and all(drawn_ones)
    # Not one seed for weights of equal shape.
    values = [w.tobytes() for w in start(0) if np.ptp(w) > 0]
    assert len(set(values)) == len(values)
