"""NADE, WaveNet, Recurrent and PixelCNN one by one: formulas, reach, bad input."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors as b
from tfp_flows.conditioners import NADE, PixelCNN, Recurrent, WaveNet


def built(network, num_params=2):
    network.output_size = num_params * network.event_size
    network.build((None, network.event_size))
    rng = np.random.default_rng(0)
    for weight in network.trainable_weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return network


def points(size, num=4, seed=1):
    return np.random.default_rng(seed).normal(size=[num, size])


def test_nade_is_its_formula():
    order = [2, 0, 1]
    network = NADE(
        3, 4, order=order, context_size=2, activation="tanh", dtype="float64"
    )
    built(network)
    x, context = points(3), points(2, seed=2)
    kernel, context_kernel, bias, out, out_bias = map(np.asarray, network.weights)
    expected = np.zeros([4, 3, 2])
    for place, dimension in enumerate(order):
        pre = (
            bias[:, 0] + context @ context_kernel + x[:, order[:place]] @ kernel[:place]
        )
        expected[:, dimension] = np.tanh(pre) @ out[place].T + out_bias[place, :, 0]
    np.testing.assert_allclose(network(x, context), expected.reshape(4, 6))


@pytest.mark.parametrize("size", [1, 2, 7, 16, 17])
def test_nade_of_any_size(size):
    """Its cumulative sums are in blocks."""
    network = built(NADE(size, 3, dtype="float64"))
    layer = b.Autoregressive(network, b.Affine.spec())
    x = points(size)
    y = layer.forward(x)
    np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, rtol=1e-10, atol=1e-12)


def reach(network):
    """Which dimensions the parameters of each depend on, ``[D, D]``."""
    x = tf.constant(points(network.event_size, num=1))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        params = tf.reshape(network(x), [network.event_size, -1])
        totals = tf.unstack(tf.reduce_sum(params**2, axis=1))
    return np.stack([tape.gradient(total, x)[0] != 0 for total in totals])


@pytest.mark.parametrize("dilations, field", [([1], 2), ([1, 2], 4), ([2, 2], 5)])
def test_the_receptive_field_of_wavenet(dilations, field):
    network = built(WaveNet(8, 3, dilations=dilations, dtype="float64"))
    assert network.receptive_field == field
    # By each layer one goes back by its dilation, or not, and at last by one.
    back = {1}
    for dilation in dilations:
        back |= {places + dilation for places in back}
    assert max(back) == field
    expected = [[i - j in back for j in range(8)] for i in range(8)]
    np.testing.assert_array_equal(reach(network), expected)


@pytest.mark.parametrize(
    "size, kernel_size, dilations",
    [
        (1, 2, [1]),
        (3, 2, [1]),
        (64, 2, [1, 2, 4, 8, 16, 32]),
        (64, 3, [1, 2, 4, 8, 16]),
        (1030, 2, [*(2**n for n in range(10)), 1, 2, 4]),
    ],
)
def test_the_dilations_of_wavenet_cover_the_event(size, kernel_size, dilations):
    network = WaveNet(size, kernel_size=kernel_size)
    assert network.dilations == dilations
    assert network.receptive_field >= size - 1


def test_the_default_pixel_cnn_has_no_blind_spot():
    """Of an image of 8 × 8 each pixel depends on every one before it."""
    network = built(PixelCNN((8, 8, 1), 2, seed=0, dtype="float64"), 1)
    seen = reach(network)
    np.testing.assert_array_equal(seen, np.tri(64, k=-1, dtype=bool))


def test_the_receptive_field_of_pixel_cnn():
    """In rows above, and in columns on either side."""
    options = {"num_layers": 2, "first_kernel_size": 3, "dtype": "float64"}
    network = built(PixelCNN((5, 7, 1), 2, **options), 1)
    assert network.receptive_field == 2
    seen = reach(network)[4 * 7 + 3].reshape(5, 7)
    # The first layer sees the two rows above, the second one more.
    expected = np.zeros([5, 7], bool)
    expected[1:4, 1:6] = True
    expected[4, 1:3] = True
    np.testing.assert_array_equal(seen, expected)


def test_recurrent_is_keras_own_over_the_same_inputs():
    network = Recurrent(
        4, 3, cell=keras.layers.GRUCell, context_size=2, dtype="float64"
    )
    built(network)
    x, context = points(4), points(2, seed=2)
    before = np.pad(x[:, :-1], [[0, 0], [1, 0]])[..., np.newaxis]
    contexts = np.tile(context[:, np.newaxis], [1, 4, 1])
    positions = np.tile(network.positions, [4, 1, 1])
    inputs = np.concatenate([before, contexts, positions], axis=-1)
    rnn = keras.layers.RNN(network.cell, return_sequences=True, dtype="float64")
    h = rnn(inputs).numpy()
    expected = h @ network.output_kernel.numpy().T + network.output_bias.numpy()[..., 0]
    np.testing.assert_allclose(network(x, context), expected.reshape(4, 8))


@pytest.mark.parametrize("row_size", [1, 2, 3, 6])
def test_the_pixels_above(row_size):
    """By a cell that keeps nothing it is seen what it is given."""

    class Sum(keras.layers.Layer):
        state_size = output_size = 1

        def __init__(self, units, **options):
            super().__init__(**options)

        def get_initial_state(self, batch_size=None):
            return [tf.zeros([batch_size, 1], tf.float64)]

        def call(self, inputs, states):
            return tf.reduce_sum(inputs, axis=1, keepdims=True), states

    network = built(Recurrent(6, 1, cell=Sum, row_size=row_size, dtype="float64"), 1)
    seen = reach(network)
    for i, (row, column) in enumerate(np.ndindex(6 // row_size, row_size)):
        near = [j for j in range(6) if j == i - 1]
        for j, (r, c) in enumerate(np.ndindex(6 // row_size, row_size)):
            near += [j] * (r == row - 1 and abs(c - column) <= 1)
        np.testing.assert_array_equal(np.flatnonzero(seen[i]), np.unique(near))


def stacked(units=4, dtype="float64"):
    cells = [keras.layers.LSTMCell(n, dtype=dtype) for n in (3, units)]
    return keras.layers.StackedRNNCells(cells, dtype=dtype)


@pytest.mark.parametrize(
    "cell, units",
    [
        (keras.layers.SimpleRNNCell, 4),
        (functools.partial(keras.layers.GRUCell, reset_after=False), 4),
        (stacked(), None),
    ],
)
def test_other_cells(cell, units):
    network = built(Recurrent(3, units, cell=cell, dtype="float64"))
    assert network.units == 4 and network.cell is not cell
    layer = b.Autoregressive(network, b.Affine.spec())
    x = points(3)
    y = layer.forward(x)
    np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, rtol=1e-10)
    config = keras.saving.serialize_keras_object(network)
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(network.get_weights())
    np.testing.assert_array_equal(copy(x), network(x))


NETWORKS = {
    "NADE": lambda **options: NADE(4, 8, **options),
    "WaveNet": lambda **options: WaveNet(4, 8, **options),
    "Recurrent": lambda **options: Recurrent(4, 8, row_size=2, **options),
    "PixelCNN": lambda **options: PixelCNN((2, 2, 1), 8, num_layers=2, **options),
}
ALL = pytest.mark.parametrize("name", NETWORKS)


@ALL
def test_in_bfloat16(name):
    """Both evaluations are those of float32, up to bfloat16's eight bits."""
    layers = []
    for dtype in ("float32", "mixed_bfloat16"):
        network = built(NETWORKS[name](context_size=2, dtype=dtype))
        context = tf.constant(points(2, seed=2), tf.float32)
        layers.append(b.Autoregressive(network, b.Affine.spec(), context=context))
        assert {w.dtype for w in network.trainable_weights} == {"float32"}
    x = tf.constant(points(4), tf.float32)
    for direction in ("forward", "inverse"):
        exact, rounded = (getattr(layer, direction)(x) for layer in layers)
        assert rounded.dtype == tf.float32
        np.testing.assert_allclose(rounded, exact, rtol=0.05, atol=0.15)
    assert np.any(layers[0].inverse(x) != layers[1].inverse(x))


# What is refused.


def called(name, *sizes, **options):
    network = built(NETWORKS[name](dtype="float64", **options))
    return network(*(tf.ones([2, size], tf.float64) for size in sizes))


def scanned(name, *sizes, **options):
    network = built(NETWORKS[name](dtype="float64", **options))
    inputs = [tf.ones([2, size], tf.float64) for size in sizes]
    return network.scan(lambda params, z: z + params[0], *inputs)


@ALL
def test_sizes_that_do_not_fit(name):
    with pytest.raises(ValueError, match=f"{name}: its event_size is 4.*of size 3"):
        called(name, 3)
    with pytest.raises(
        ValueError, match=f"{name}: output_size must be .* 4, but got 7"
    ):
        NETWORKS[name](output_size=7).build((None, 4))
    with pytest.raises(ValueError, match=f"{name}: output_size.*None.*give"):
        NETWORKS[name]().build((None, 4))
    with pytest.raises(ValueError, match=f"{name}: context_size must be 1 or more"):
        NETWORKS[name](context_size=0)
    for evaluate in (called, scanned):
        message = f"{name}: its context_size is 2.*got {{}}"
        with pytest.raises(ValueError, match=message.format("no context")):
            evaluate(name, 4, context_size=2)
        with pytest.raises(ValueError, match=message.format("a context of size 3")):
            evaluate(name, 4, 3, context_size=2)
        with pytest.raises(
            ValueError, match=f"{name}: its context_size is None.*size 2"
        ):
            evaluate(name, 4, 2)


MISTAKES = {
    "no event": (lambda: NADE(0), ValueError, "NADE: event_size.*1 or more.*0"),
    "no units": (lambda: NADE(3, 0), ValueError, "NADE: hidden_units.*1 or more.*0"),
    "layers of units": (lambda: NADE(3, [8]), TypeError, r"hidden_units.*\[8\]"),
    "an order": (lambda: NADE(2, order=[1, 1]), ValueError, "NADE: order.*0 … 1"),
    "no filters": (lambda: WaveNet(3, 0), ValueError, "WaveNet: filters.*1 or more"),
    "a kernel of one": (
        lambda: WaveNet(3, kernel_size=1),
        ValueError,
        "WaveNet: kernel_size must be 2 or more.*1",
    ),
    "no dilations": (lambda: WaveNet(3, dilations=[]), ValueError, "dilations.*none"),
    "a dilation of 0": (
        lambda: WaveNet(3, dilations=[1, 0]),
        ValueError,
        r"WaveNet: dilations must be 1 or more.*\[1, 0\]",
    ),
    "no units of a cell": (
        lambda: Recurrent(3, 0),
        ValueError,
        "Recurrent: units must be 1 or more.*0",
    ),
    "rows that do not fit": (
        lambda: Recurrent(6, 4, row_size=4),
        ValueError,
        "row_size must divide event_size 6.*4",
    ),
    "a layer for a cell": (
        lambda: Recurrent(3, 4, cell=keras.layers.LSTM),
        TypeError,
        r"cell must be a Keras cell.*keras\.layers\.LSTMCell.*LSTM",
    ),
    "a dense layer": (
        lambda: Recurrent(3, cell=keras.layers.Dense(4)),
        TypeError,
        "cell must be a Keras cell.*Dense",
    ),
    "a name": (lambda: Recurrent(3, cell="lstm"), TypeError, "cell must be.*'lstm'"),
    "other units than the cell's": (
        lambda: Recurrent(3, 5, cell=keras.layers.LSTMCell(4)),
        ValueError,
        "units is 5.*has 4",
    ),
    "a cell of another dtype": (
        lambda: Recurrent(3, cell=stacked()),
        ValueError,
        "network is float32, but the cell.*is float64",
    ),
    "dropout": (
        lambda: Recurrent(3, cell=functools.partial(keras.layers.GRUCell, dropout=0.1)),
        ValueError,
        "the cell 'gru_cell.*' has dropout",
    ),
    "an image of two sizes": (
        lambda: PixelCNN((8, 8)),
        ValueError,
        r"PixelCNN: image_shape must be three numbers.*\(8, 8\)",
    ),
    "an image of no rows": (
        lambda: PixelCNN((0, 8, 1)),
        ValueError,
        r"image_shape must be 1 or more.*\(0, 8, 1\)",
    ),
    "a number for an image": (
        lambda: PixelCNN(64),
        TypeError,
        "image_shape must be integers.*64",
    ),
    "an image that does not fit": (
        lambda: b.Autoregressive(PixelCNN((2, 2, 1)), b.Affine.spec(), event_size=5),
        ValueError,
        "event_size must be the conditioner's, 4, but got 5",
    ),
    "channels that are no order": (
        lambda: PixelCNN((2, 2, 3), channel_order=[0, 2, 2]),
        ValueError,
        r"PixelCNN: channel_order.*0 … 2.*\[0, 2, 2\]",
    ),
    "fewer filters than channels": (
        lambda: PixelCNN((2, 2, 3), 2),
        ValueError,
        "filters must be as many as the channels.*2 for 3",
    ),
    "an even kernel": (
        lambda: PixelCNN((2, 2, 1), kernel_size=4),
        ValueError,
        "PixelCNN: kernel_size must be odd.*4",
    ),
    "an even first kernel": (
        lambda: PixelCNN((2, 2, 1), first_kernel_size=2),
        ValueError,
        "PixelCNN: first_kernel_size must be odd.*2",
    ),
    "no layers": (
        lambda: PixelCNN((2, 2, 1), num_layers=0),
        ValueError,
        "PixelCNN: num_layers must be 1 or more",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake):
    make, error, message = MISTAKES[mistake]
    with pytest.raises(error, match=f"(?s){message}"):
        make()
