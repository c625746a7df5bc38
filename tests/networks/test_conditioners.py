import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import bijectors as b
from tfp_flows.conditioners import (
    MADE,
    MLP,
    masked_autoregressive_template,
    real_nvp_template,
)


def built(*args, **options):
    net = MLP(*args, **options)
    net.build((None, 3))
    return net


def test_mlp_is_the_composition_of_its_layers():
    net = built([4, 5], 2, activation="tanh", seed=0)
    assert [w.shape for w in net.weights] == [
        (4, 3),
        (4, 1),
        (5, 4),
        (5, 1),
        (2, 5),
        (2, 1),
    ]
    for weight in net.weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    kernels = net.get_weights()[::2]
    biases = [bias[:, 0] for bias in net.get_weights()[1::2]]
    x = np.random.default_rng(1).normal(size=[6, 3]).astype("float32")
    h = x
    for kernel, bias in zip(kernels[:2], biases[:2], strict=True):
        h = np.tanh(h @ kernel.T + bias)
    expected = h @ kernels[2].T + biases[2]
    np.testing.assert_allclose(net(x), expected, rtol=1e-4, atol=1e-5)


def test_mlp_starts_at_zero_and_learns():
    net = built([4], 2, seed=0)
    x = keras.ops.ones([6, 3])
    assert not np.any(net(x))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(net(x))
    assert np.any(tape.gradient(loss, net.weights[-2].value))


def test_mlp_without_hidden_layers_is_linear():
    assert [w.shape for w in built([], 2).weights] == [(2, 3), (2, 1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mlp_dtype(dtype):
    net = built([4], 2, dtype=dtype)
    assert {w.dtype for w in net.weights} == {dtype}
    assert net(np.ones([1, 3], dtype)).dtype == dtype


def test_mlp_seeds():
    a, same, other = (
        built([3, 3], 2, seed=0),
        built([3, 3], 2, seed=0),
        built([3], 2, seed=1),
    )
    for u, v in zip(a.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(u, v)
    # Not one seed for all layers: those of equal shape would start equal.
    assert np.any(a.get_weights()[0] != a.get_weights()[2])
    assert np.any(a.get_weights()[0] != other.get_weights()[0])
    assert np.any(built([3], 2).get_weights()[0] != built([3], 2).get_weights()[0])


def test_mlp_without_a_seed_follows_that_of_keras():
    starts = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        starts.append(built([3], 2).get_weights()[0])
    np.testing.assert_array_equal(*starts)


@pytest.mark.parametrize("activation", ["silu", keras.activations.relu])
def test_mlp_configuration_round_trip(activation):
    net = built((4, 5), 2, activation=activation, seed=3, dtype="float64", name="net")
    config = keras.saving.serialize_keras_object(net)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.built
    assert copy.get_config() == net.get_config()
    for u, v in zip(net.weights, copy.weights, strict=True):
        assert u.dtype == v.dtype
        np.testing.assert_array_equal(u, v.numpy())


def test_mlp_is_saved_within_a_keras_model(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, MLP([4], 2)(inputs))
    model.layers[-1].weights[-1].assign([[1.0], [2.0]])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(np.ones([1, 3])), [[1.0, 2.0]])


@pytest.mark.parametrize("units", [[0], [4, -1]])
def test_mlp_refuses_bad_units(units):
    with pytest.raises(ValueError, match="hidden_units must be 1 or more"):
        MLP(units, 2)


def test_mlp_needs_an_output_size():
    with pytest.raises(ValueError, match="output_size must be known"):
        built([4])


# real_nvp_template.


def bijector(num_masked, dtype="float32", event_size=3):
    template = real_nvp_template(event_size, num_masked, [4], seed=0, dtype=dtype)
    return tfb.RealNVP(num_masked=num_masked, shift_and_log_scale_fn=template)


@pytest.mark.parametrize("num_masked", [1, 2, -1, -2])
def test_template_starts_at_the_identity_and_inverts(num_masked):
    real_nvp = bijector(num_masked)
    x = np.random.default_rng(0).normal(size=[5, 3]).astype("float32")
    np.testing.assert_allclose(real_nvp.forward(x), x, rtol=1e-6)
    for v in real_nvp.trainable_variables:
        v.assign(np.random.default_rng(1).normal(size=v.shape))
    y = real_nvp.forward(x)
    kept = slice(None, num_masked) if num_masked > 0 else slice(num_masked, None)
    np.testing.assert_array_equal(y[:, kept], x[:, kept])
    assert np.all(np.any(y != x, axis=0).sum() == 3 - abs(num_masked))
    np.testing.assert_allclose(real_nvp.inverse(tf.identity(y)), x, rtol=1e-3)


def test_template_weights_are_those_of_the_bijector():
    real_nvp = bijector(1)
    shapes = sorted(tuple(v.shape) for v in real_nvp.trainable_variables)
    assert shapes == [(4, 1), (4, 1), (4, 1), (4, 4)]


def test_template_takes_any_batch_and_dtype():
    real_nvp = bijector(1, dtype="float64")
    for shape in ([3], [2, 3], [4, 2, 3]):
        assert real_nvp.forward(tf.ones(shape, tf.float64)).dtype == tf.float64
        ldj = real_nvp.forward_log_det_jacobian(tf.ones(shape, tf.float64))
        assert ldj.shape == shape[:-1]


def test_template_is_trained_by_a_plain_tape():
    real_nvp = bijector(1, event_size=2)
    x = np.random.default_rng(0).normal(size=[50, 2]).astype("float32") * [1.0, 3.0]
    x = x.astype("float32")
    flow = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros(2)), real_nvp
    )
    losses = []
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.log_prob(tf.identity(x)))
        losses.append(float(loss))
        variables = flow.trainable_variables
        for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
            v.assign_sub(0.05 * g)
    assert losses[-1] < losses[0] - 0.1
    model = tfp_flows.FlowModel(flow)
    assert len(model.trainable_weights) == 4


@pytest.mark.parametrize("num_masked", [0, 3, -3, 4])
def test_template_refuses_masks_that_split_nothing(num_masked):
    with pytest.raises(ValueError, match=f"num_masked={num_masked} and event_size=3"):
        real_nvp_template(3, num_masked)


def test_template_refuses_another_event_size():
    template = real_nvp_template(3, 1, [4])
    real_nvp = tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=template)
    with pytest.raises(ValueError, match=r"made for 2 transformed.*asks for 4"):
        real_nvp.forward(tf.ones([1, 5]))


@pytest.mark.parametrize("units", [np.array([4, 3]), (np.int64(4), 3), iter([4, 3])])
def test_hidden_units_of_any_sequence(units):
    net, same = built(units, 2), built([4, 3], 2)
    assert [w.shape for w in net.weights] == [w.shape for w in same.weights]


@pytest.mark.parametrize(
    "hidden_units",
    [64, [64.5], ["64"], None, [True], np.array([8.0]), np.ones([2, 2], int)],
)
def test_hidden_units_that_are_no_list_of_integers(hidden_units):
    with pytest.raises(TypeError, match=r"hidden_units must be integers, such as"):
        MLP(hidden_units)


# A context.


def test_mlp_with_a_context_is_one_of_both():
    net = built([4], 2, context_size=2, seed=0, dtype="float64")
    for weight in net.weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    wide = MLP([4], 2, dtype="float64")
    wide.build((None, 5))
    wide.set_weights(net.get_weights())
    x, context = tf.random.normal([6, 3], seed=0), tf.random.normal([6, 2], seed=1)
    x, context = tf.cast(x, tf.float64), tf.cast(context, tf.float64)
    expected = wide(tf.concat([x, context], axis=-1))
    np.testing.assert_allclose(net(x, context), expected)
    copy = MLP.from_config(net.get_config())
    assert copy.context_size == 2


@pytest.mark.parametrize("size, given", [(2, None), (2, 3), (None, 2)])
def test_mlp_with_another_context(size, given):
    net = built([4], 2, context_size=size)
    context = [] if given is None else [tf.ones([6, given])]
    came = "no context" if given is None else f"a context of size {given}"
    with pytest.raises(ValueError, match=f"context_size is {size}.*but got {came}"):
        net(tf.ones([6, 3]), *context)


@pytest.mark.parametrize("size, error", [(0, ValueError), ("2", TypeError)])
def test_mlp_with_a_bad_context_size(size, error):
    with pytest.raises(error, match=f"MLP: context_size.*{size}"):
        MLP([4], 2, context_size=size)


# masked_autoregressive_template.


def masked(dtype="float32", event_size=3, **options):
    template = masked_autoregressive_template(
        event_size, hidden_units=[8], seed=0, dtype=dtype, **options
    )
    return tfb.MaskedAutoregressiveFlow(template)


def drawn(bijector):
    rng = np.random.default_rng(1)
    for v in bijector.trainable_variables:
        v.assign(rng.normal(scale=0.5, size=v.shape))
    return bijector


def test_masked_template_weights_are_those_of_the_bijector():
    bijector = masked()
    shapes = sorted(tuple(v.shape) for v in bijector.trainable_variables)
    assert shapes == [(6, 1), (6, 8), (8, 1), (8, 3)]
    x = tf.constant(np.random.default_rng(0).normal(size=[5, 3]), tf.float32)
    np.testing.assert_allclose(bijector.forward(x), x, rtol=1e-6)


def test_masked_template_equals_our_own_layer():
    """With the same weights; the formula is the same with an unbounded log-scale."""
    theirs = drawn(masked("float64", order=[1, 2, 0]))
    network = MADE(3, [8], order=[1, 2, 0], dtype="float64")
    ours = b.Autoregressive(network, b.Affine.spec(log_scale_bound=None))
    for mine, other in zip(network.weights, theirs.trainable_variables, strict=True):
        mine.assign(other)
    x = np.random.default_rng(0).normal(size=[5, 3])
    for method in (
        "forward",
        "inverse",
        "forward_log_det_jacobian",
        "inverse_log_det_jacobian",
    ):
        found = getattr(ours, method)(tf.constant(x))
        expected = getattr(theirs, method)(tf.constant(x))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert np.abs(ours.forward(x) - x).max() > 0.1


def test_masked_template_takes_tfps_conditional_input():
    bijector = drawn(masked(context_size=2))
    x = tf.constant(np.random.default_rng(0).normal(size=[5, 3]), tf.float32)
    outcomes = []
    for context in (tf.zeros([5, 2]), tf.ones([5, 2])):
        y = bijector.forward(x, conditional_input=context)
        back = bijector.inverse(tf.identity(y), conditional_input=context)
        np.testing.assert_allclose(back, x, rtol=1e-4, atol=1e-4)
        outcomes.append(y)
    assert np.all(outcomes[0] != outcomes[1])
    with pytest.raises(ValueError, match="context_size is 2"):
        bijector.inverse(x)


def test_masked_template_takes_any_batch():
    bijector = drawn(masked())
    for shape in ([3], [2, 3], [4, 2, 3]):
        assert bijector.inverse(tf.ones(shape)).shape == shape
        assert bijector.inverse_log_det_jacobian(tf.ones(shape)).shape == shape[:-1]


def test_masked_template_is_trained_by_fit():
    rng = np.random.default_rng(0)
    x = rng.normal(size=[64, 2]) @ [[1.0, 2.0], [0.0, 0.5]]
    flow = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros(2)), masked(event_size=2)
    )
    model = tfp_flows.FlowModel(flow)
    assert len(model.trainable_weights) == 4
    before = model.evaluate(x, verbose=0)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    model.fit(x, epochs=10, verbose=0)
    assert model.evaluate(x, verbose=0) < before - 0.1


def test_masked_template_refuses_what_made_refuses():
    with pytest.raises(ValueError, match="too narrow"):
        masked_autoregressive_template(9, hidden_units=[4])
