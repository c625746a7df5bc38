"""The networks of image couplings: values, reach, contexts, saving, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows.conditioners import (
    ConvolutionalNetwork,
    ConvolutionalResidualNetwork,
    GatedAttentionNetwork,
    glow_exit_template,
    glow_template,
)
from tfp_flows.networks.image.patch_conv2d import PatchConv2D


def plain(output_size=4, **options):
    return ConvolutionalNetwork([6, 5], output_size, kernel_size=(3, 1, 3), **options)


def residual(output_size=4, **options):
    return ConvolutionalResidualNetwork(6, 1, output_size, **options)


def attention(output_size=4, **options):
    return GatedAttentionNetwork(6, 1, output_size, num_heads=2, **options)


NETWORKS = {
    "ConvolutionalNetwork": plain,
    "ConvolutionalResidualNetwork": residual,
    "GatedAttentionNetwork": attention,
}
ALL = pytest.mark.parametrize("name", NETWORKS)
SIZES = pytest.mark.parametrize("rows, columns", [(1, 1), (2, 2), (5, 3)])


def drawn(network, image_shape=(4, 3, 2)):
    """Built if it is not, with weights away from the start."""
    if not network.built:
        network.build((None, *image_shape))
    rng = np.random.default_rng(0)
    for weight in network.trainable_weights:
        weight.assign_add(rng.normal(scale=0.2, size=weight.shape))
    return network


def numbers(*shape, seed=1, dtype="float64"):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), dtype)


# The convolution.


@pytest.mark.parametrize("rows, columns", [(1, 1), (2, 2), (1, 4), (3, 5), (6, 6)])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("below, above", [(1, 30), (30, 1), (5, 6)])
def test_the_convolution_is_keras_own(rows, columns, size, below, above):
    """With its gradients, however it is computed."""
    layer = PatchConv2D(above, size, seed=0, dtype="float64")
    keras_own = keras.layers.Conv2D(above, size, padding="same", dtype="float64")
    x = numbers(2, rows, columns, below)
    layer.build(x.shape)
    keras_own.build(x.shape)
    keras_own.set_weights(layer.get_weights())
    found = []
    for convolution in (layer, keras_own):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = convolution(x)
            loss = tf.reduce_sum(tf.sin(y))
        weights = [v.value for v in convolution.trainable_weights]
        found.append([y, *tape.gradient(loss, [x, *weights])])
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("below, above", [(1, 9), (9, 1)])
def test_the_convolution_has_second_derivatives(below, above):
    layer = PatchConv2D(above, 3, seed=0, dtype="float64")
    x = numbers(1, 3, 3, below)
    layer.build(x.shape)

    def value(x):
        return tf.reduce_sum(layer(x) ** 3)

    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = value(x)
        slope = inner.gradient(y, x)
        total = tf.reduce_sum(slope**2)
    direction = numbers(*x.shape, seed=2)
    found = tf.reduce_sum(outer.gradient(total, x) * direction)

    def total_at(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = value(x)
        return tf.reduce_sum(tape.gradient(y, x) ** 2)

    step = 1e-5 * direction
    expected = (total_at(x + step) - total_at(x - step)) / 2e-5
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# All networks.


@ALL
def test_it_starts_at_zero(name):
    network = NETWORKS[name](context_size=3, seed=0, dtype="float64")
    y = network(numbers(2, 4, 3, 2), numbers(2, 3))
    assert y.shape == [2, 4, 3, 4]
    assert not np.any(y)


@ALL
@SIZES
def test_xla_gives_what_eager_gives_and_each_weight_a_gradient(name, rows, columns):
    """With N unknown when it is traced; a pixel alone attends to itself always."""
    network = NETWORKS[name](context_size=3, dtype="float64", activation="tanh")
    drawn(network, (rows, columns, 2))
    weights = [v.value for v in network.trainable_weights]

    def gradients(x, context):
        with tf.GradientTape() as tape:
            y = network(x, context)
            loss = tf.reduce_sum(tf.sin(y))
        return [y, *tape.gradient(loss, weights)]

    signature = [
        tf.TensorSpec([None, rows, columns, 2], tf.float64),
        tf.TensorSpec([None, 3], tf.float64),
    ]
    inputs = numbers(3, rows, columns, 2), numbers(3, 3)
    eager = gradients(*inputs)
    compiled = tf.function(gradients, signature, jit_compile=True)(*inputs)
    for a, b in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)
    if rows * columns > 1:
        for weight, gradient in zip(weights, eager[1:], strict=True):
            assert np.any(np.abs(gradient) > 1e-9), weight.name


@ALL
def test_an_image_alone_is_an_image_in_a_batch(name):
    network = drawn(NETWORKS[name](context_size=3, dtype="float64"))
    x, context = numbers(3, 4, 3, 2), numbers(3, 3)
    together = network(x, context)
    for n in range(3):
        alone = network(x[n : n + 1], context[n : n + 1])
        np.testing.assert_allclose(alone[0], together[n], rtol=1e-9, atol=1e-12)


@ALL
def test_the_context_reaches_every_pixel(name):
    network = drawn(NETWORKS[name](context_size=3, dtype="float64"))
    x = numbers(1, 4, 3, 2)
    one, other = (network(x, numbers(1, 3, seed=seed)) for seed in (1, 2))
    assert np.all(np.any(one != other, axis=-1))


@ALL
def test_a_context_that_is_an_image(name):
    """Its pixels become channels of the pixel at their place."""
    make, dtype = NETWORKS[name], "float64"
    network = drawn(make(context_shape=(8, 6, 3), dtype=dtype))
    assert network.context_size == 8 * 6 * 3
    x, context = numbers(2, 4, 3, 2), numbers(2, 8, 6, 3)
    wide = drawn(make(dtype=dtype), (4, 3, 2 + 12))
    wide.set_weights(network.get_weights())
    channels = tf.nn.space_to_depth(context, 2)
    expected = wide(tf.concat([x, channels], axis=-1))
    found = network(x, tf.reshape(context, [2, -1]))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@ALL
@pytest.mark.parametrize(
    "options", [{"context_size": 48}, {"context_shape": [4, 3, 4]}]
)
def test_its_configuration_makes_it_anew(name, options):
    options |= {"dtype": "float64", "activation": "tanh", "seed": 3}
    network = drawn(NETWORKS[name](name="net", **options))
    config = keras.saving.serialize_keras_object(network)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.built and copy.get_config() == network.get_config()
    copy.set_weights(network.get_weights())
    inputs = numbers(2, 4, 3, 2), numbers(2, 48)
    np.testing.assert_array_equal(copy(*inputs), network(*inputs))


@ALL
def test_its_seed(name):
    starts = []
    for seed in (0, 0, 1):
        network = NETWORKS[name](seed=seed)
        network.build((None, 4, 3, 2))
        starts.append(network.get_weights())
    for one, same in zip(*starts[:2], strict=True):
        np.testing.assert_array_equal(one, same)
    assert any(np.any(a != b) for a, b in zip(starts[0], starts[2], strict=True))
    # Not one seed for several weights.
    random = [w.flatten()[:5] for w in starts[0] if w.std() > 0]
    assert len({values.tobytes() for values in random}) == len(random)


@ALL
def test_in_bfloat16(name):
    exact = drawn(NETWORKS[name](context_size=3, dtype="float32"))
    rounded = NETWORKS[name](context_size=3, dtype="mixed_bfloat16")
    rounded.build((None, 4, 3, 2))
    rounded.set_weights(exact.get_weights())
    assert {v.dtype for v in rounded.weights} == {"float32"}
    inputs = numbers(3, 4, 3, 2, dtype="float32"), numbers(3, 3, dtype="float32")
    y = rounded(*inputs)
    assert y.dtype == tf.bfloat16
    y = tf.cast(y, tf.float32)
    np.testing.assert_allclose(y, exact(*inputs), rtol=0.1, atol=0.1)


@ALL
def test_within_a_keras_model_that_is_saved(name, tmp_path):
    inputs = keras.Input((4, 3, 2))
    network = NETWORKS[name]()
    model = keras.Model(inputs, network(inputs))
    drawn(network)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = numbers(2, 4, 3, 2, dtype="float32")
    np.testing.assert_array_equal(loaded(x), model(x))


@ALL
def test_not_trainable(name):
    network = NETWORKS[name](trainable=False)
    network.build((None, 4, 3, 2))
    assert not network.trainable_weights and network.weights


# One by one.


def reach(network, rows, columns, row, column):
    """Which pixels the output at one of them depends on."""
    x = numbers(1, rows, columns, 2)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(network(x)[0, row, column] ** 2)
    return np.any(np.asarray(tape.gradient(total, x))[0] != 0, axis=-1)


@pytest.mark.parametrize(
    "sizes, field", [((1, 1, 1), 0), ((3, 1, 3), 2), ((3, 5, 1), 3)]
)
def test_the_receptive_field_of_plain_convolutions(sizes, field):
    network = ConvolutionalNetwork(
        [3, 3], 1, kernel_size=sizes, activation="tanh", dtype="float64"
    )
    drawn(network, (9, 7, 2))
    rows, columns = np.ogrid[:9, :7]
    expected = (abs(rows - 4) <= field) & (abs(columns - 1) <= field)
    np.testing.assert_array_equal(reach(network, 9, 7, 4, 1), expected)


def test_attention_reaches_all_pixels():
    network = GatedAttentionNetwork(4, 1, 1, num_heads=2, dtype="float64")
    assert np.all(reach(drawn(network, (9, 7, 2)), 9, 7, 0, 6))


def test_plain_convolutions_are_their_formula():
    network = drawn(plain(context_size=3, dtype="float64"))
    x, context = numbers(2, 4, 3, 2), numbers(2, 3)
    h = x
    weights = iter(network.get_weights())
    for last, (kernel, bias, linear) in enumerate(zip(*[weights] * 3, strict=True)):
        h = tf.nn.conv2d(h, kernel, 1, "SAME") + bias
        h += (context @ linear)[:, None, None]
        h = h if last == 2 else tf.nn.relu(h)
    np.testing.assert_allclose(network(x, context), h, rtol=1e-10, atol=1e-12)


def test_without_hidden_layers_it_is_linear():
    network = drawn(ConvolutionalNetwork([], 4, context_size=3, dtype="float64"))
    x, context = numbers(2, 4, 3, 2), numbers(2, 3)
    zero = network(tf.zeros_like(x), tf.zeros_like(context))
    once, twice = (network(f * x, f * context) - zero for f in (1.0, 2.0))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("num_blocks", [1, 16])
def test_the_residual_network_keeps_its_scale(num_blocks):
    """Without a normalisation, whatever its depth."""
    network = ConvolutionalResidualNetwork(32, num_blocks, 8, seed=0)
    network.build((None, 8, 8, 3))
    last = network.weights[-2]
    last.assign(np.random.default_rng(0).normal(size=last.shape) / np.sqrt(32))
    y = network(numbers(16, 8, 8, 3, dtype="float32"))
    assert 0.2 < np.std(y) < 2.0


# Templates for TFP's Glow.


def glow(dtype="float32", num_steps=1, **options):
    return tfb.Glow(
        output_shape=(8, 8, 1),
        num_glow_blocks=2,
        num_steps_per_block=num_steps,
        seed=0,
        coupling_bijector_fn=glow_template([6, 6], seed=0, dtype=dtype, **options),
        exit_bijector_fn=glow_exit_template(seed=0, dtype=dtype),
    )


def test_glow_shows_all_weights():
    bijector = glow(num_steps=2)
    kernels = [v for v in bijector.trainable_variables if v.shape.rank == 4]
    # Three for each of the steps, and one where variables leave.
    assert len(kernels) == 2 * 2 * 3 + 1
    starts = {v.numpy().tobytes() for v in kernels if np.any(v.numpy())}
    assert len(starts) == 2 * 2 * 2


def test_glow_couplings_start_at_the_identity():
    for template, options in (
        (glow_template(), {}),
        (glow_exit_template(), {"output_chan": 3}),
    ):
        coupling = template((4, 4, 2), **options)
        y = numbers(5, 4, 4, options.get("output_chan", 2), dtype="float32")
        np.testing.assert_array_equal(
            coupling(numbers(5, 4, 4, 2, dtype="float32")).forward(y), y
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_glow_inverts_whatever_the_batch(dtype):
    bijector = glow(dtype)
    z = numbers(6, 64, dtype=dtype)
    bijector.inverse(bijector.forward(z) + 0.0)  # TFP's actnorm starts from data.
    rng = np.random.default_rng(0)
    for v in bijector.trainable_variables:
        v.assign_add(rng.normal(scale=0.1, size=v.shape))
    x = bijector.forward(z)
    assert x.shape == [6, 8, 8, 1] and x.dtype == dtype
    np.testing.assert_allclose(bijector.inverse(tf.identity(x)), z, atol=1e-3)
    for shape in ([], [2, 3]):
        part = tf.reshape(z[: 6 if shape else 1], [*shape, 64])
        expected = tf.reshape(x[: 6 if shape else 1], [*shape, 8, 8, 1])
        np.testing.assert_allclose(bijector.forward(part), expected, atol=1e-4)


def test_glow_is_trained_by_fit_and_saved(tmp_path):
    flow = tfd.TransformedDistribution(tfd.MultivariateNormalDiag(tf.zeros(64)), glow())
    x = np.random.default_rng(0).normal(size=[16, 8, 8, 1])
    before = [v.numpy() for v in flow.trainable_variables]
    model = tfp_flows.FlowModel(flow)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    history = model.fit(x, epochs=3, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < history[0]
    for v, start in zip(flow.trainable_variables, before, strict=True):
        assert np.all(np.isfinite(v)) and np.any(v.numpy() != start), v.name
    y = flow.sample(3, seed=[0, 1])
    z = flow.bijector.inverse(tf.identity(y))
    np.testing.assert_allclose(flow.bijector.forward(tf.identity(z)), y, atol=1e-3)
    model.save(tmp_path / "glow.keras")
    loaded = keras.models.load_model(tmp_path / "glow.keras")
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )


# What is refused.


@ALL
@pytest.mark.parametrize("size, given", [(2, None), (2, 3), (None, 2)])
def test_another_context(name, size, given):
    network = drawn(NETWORKS[name](context_size=size))
    context = [] if given is None else [tf.ones([6, given])]
    came = "no context" if given is None else f"a context of size {given}"
    message = f"{name}: its context_size is {size}.*but got {came}"
    with pytest.raises(ValueError, match=message):
        network(tf.ones([6, 4, 3, 2]), *context)


def built(name, image_shape=(4, 3, 2), **options):
    network = NETWORKS[name](**options)
    network.build((None, *image_shape))


MISTAKES = {
    "no output size": (
        {"output_size": None},
        "output_size must be known, but got None",
    ),
    "an output size of 0": ({"output_size": 0}, "output_size must be 1 or more.*0"),
    "a context size of 0": ({"context_size": 0}, "context_size must be 1 or more.*0"),
    "a size and a shape": (
        {"context_size": 48, "context_shape": (4, 3, 4)},
        r"context_size or context_shape.*not both.*48 and \(4, 3, 4\)",
    ),
    "a shape of two": (
        {"context_shape": (4, 3)},
        r"context_shape must be three numbers.*\(4, 3\)",
    ),
    "a context of another size": (
        {"context_shape": (8, 7, 1)},
        "the same multiple.*is 8 × 7 for images of 4 × 3",
    ),
    "two multiples": (
        {"context_shape": (8, 3, 1)},
        "the same multiple.*is 8 × 3 for images of 4 × 3",
    ),
    "a smaller context": (
        {"context_shape": (2, 3, 1)},
        "the same multiple.*is 2 × 3 for images of 4 × 3",
    ),
    "a context for images of any size": (
        {"context_shape": (4, 3, 1), "image_shape": (None, None, 2)},
        "the same multiple.*for images of None × None",
    ),
    "points": ({"image_shape": (5,)}, r"takes images \[N, rows.*\(None, 5\)"),
    "no seed": ({"seed": 1.5}, "seed must be None, an integer.*1.5"),
}


@ALL
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(name, mistake):
    options, message = MISTAKES[mistake]
    start = "" if "seed" in options else f"{name}: .*"
    with pytest.raises(ValueError, match=start + message):
        built(name, **options)


OWN_MISTAKES = {
    "images of unknown channels": (
        lambda: ConvolutionalNetwork(output_size=2).build([None, 4, 4, None]),
        r"ConvolutionalNetwork: the channels.*known.*\(None, 4, 4, None\)",
    ),
    "an even kernel": (
        lambda: ConvolutionalNetwork(kernel_size=2),
        "ConvolutionalNetwork: kernel_size must be odd.*2",
    ),
    "an even kernel among others": (
        lambda: ConvolutionalNetwork(kernel_size=(3, 4, 3)),
        "ConvolutionalNetwork: kernel_size must be odd.*4",
    ),
    "too few kernels": (
        lambda: ConvolutionalNetwork(kernel_size=(3, 3)),
        r"kernel_size must be one number, or 3, .* but got \(3, 3\)",
    ),
    "no units": (
        lambda: ConvolutionalNetwork([0]),
        "ConvolutionalNetwork: hidden_units must be 1 or more",
    ),
    "an even kernel of a residual network": (
        lambda: ConvolutionalResidualNetwork(kernel_size=4),
        "ConvolutionalResidualNetwork: kernel_size must be odd.*4",
    ),
    "no blocks": (
        lambda: ConvolutionalResidualNetwork(num_blocks=0),
        "ConvolutionalResidualNetwork: num_blocks must be 1 or more.*0",
    ),
    "no filters": (
        lambda: GatedAttentionNetwork(0),
        "GatedAttentionNetwork: filters must be 1 or more.*0",
    ),
    "an even kernel of attention": (
        lambda: GatedAttentionNetwork(kernel_size=4),
        "GatedAttentionNetwork: kernel_size must be odd.*4",
    ),
    "heads that do not divide": (
        lambda: GatedAttentionNetwork(6, num_heads=4),
        "filters must be a multiple of num_heads, 4, but got 6",
    ),
    "attention over images of any size": (
        lambda: built("GatedAttentionNetwork", (None, 3, 2)),
        r"built for images of a known size.*\[None, 3\]",
    ),
    "attention over another image": (
        lambda: drawn(attention())(tf.ones([1, 1, 3, 2])),
        r"built for images of 4 × 3 pixels.*\(1, 1, 3, 2\)",
    ),
    "an even kernel of a template": (
        lambda: glow_template(kernel_size=2),
        "kernel_size must be odd.*2",
    ),
    "kernels of two layers for one": (
        lambda: glow_template([8]),
        r"kernel_size must be one number, or 2, .* but got \(3, 1, 3\)",
    ),
    "no seed of a template": (
        lambda: glow_exit_template(seed="a"),
        "seed must be.*'a'",
    ),
}


@pytest.mark.parametrize("mistake", OWN_MISTAKES)
def test_own_mistakes(mistake):
    make, message = OWN_MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        make()
