"""Block networks: what depends on what, slopes, the start, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.networks import BlockNetwork


def network(event_size=3, hidden_factor=4, dtype="float64", spread=0.5, **options):
    """A network with all weights off their start."""
    net = BlockNetwork(event_size, hidden_factor, seed=0, dtype=dtype, **options)
    net.build((None, event_size))
    rng = np.random.default_rng(0)
    for weight in net.weights:
        weight.assign_add(rng.normal(scale=spread, size=weight.shape))
    return net


def points(net, num=6):
    rng = np.random.default_rng(1)
    sizes = [net.event_size, net.context_size]
    return [tf.constant(rng.normal(size=[num, s]), net.dtype) for s in sizes if s]


def jacobians(net):
    """Of the images, by points and, if there is one, by the context."""
    inputs = points(net)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        z = net(*inputs)[:, : net.event_size]
    return [tape.batch_jacobian(z, each).numpy() for each in inputs]


NETWORKS = {
    "one hidden layer": lambda: network(num_hidden_layers=1),
    "three": lambda: network(num_hidden_layers=3),
    "one unit": lambda: network(hidden_factor=1),
    "in an order": lambda: network(4, order=[2, 0, 3, 1]),
    "with a context": lambda: network(context_size=2),
    "one dimension": lambda: network(1, context_size=2),
    "two dimensions": lambda: network(2),
    "of elus": lambda: network(activation="elu"),
    "of relus": lambda: network(activation=keras.activations.relu),
    "fixed alphas": lambda: network(alpha=0.5, train_alpha=False),
}
ALL = pytest.mark.parametrize("name", NETWORKS)


@ALL
def test_what_depends_on_what(name):
    """On all dimensions before and on itself, increasing; on all of the context."""
    net = NETWORKS[name]()
    by_x, *by_context = jacobians(net)
    place = np.argsort(net.order)
    before = place[:, np.newaxis] >= place
    np.testing.assert_array_equal(np.any(by_x != 0, axis=0), before)
    assert np.all(np.diagonal(by_x, axis1=1, axis2=2) > 0)
    for found in by_context:
        assert np.all(np.any(found != 0, axis=0))


@ALL
def test_slopes_are_those_of_autodiff(name):
    net = NETWORKS[name]()
    by_x, *_ = jacobians(net)
    slopes = np.diagonal(by_x, axis1=1, axis2=2)
    found = net(*points(net))[:, net.event_size :]
    np.testing.assert_allclose(found, np.log(slopes), atol=1e-12)


@ALL
def test_invert(name):
    net = NETWORKS[name]()
    x, *context = points(net)
    z = net(x, *context)[:, : net.event_size]
    np.testing.assert_allclose(net.invert(z, *context), x, atol=1e-12)


@pytest.mark.parametrize("name", ["three", "in an order", "with a context"])
def test_gradients_of_invert(name):
    """Of points, contexts and weights, against those of the evaluation, inverted."""
    net = NETWORKS[name]()
    x, *context = points(net)
    weights = [w.value for w in net.trainable_weights]
    g = tf.constant(np.random.default_rng(2).normal(size=x.shape))
    z = net(x, *context)[:, : net.event_size]
    with tf.GradientTape() as tape:
        tape.watch([z, *context])
        total = tf.reduce_sum(g * net.invert(z, *context))
    by_z, *others = tape.gradient(total, [z, *context, *weights])
    # The implicit function theorem: solve with the transposed Jacobian, then go back.
    solved = np.linalg.solve(np.swapaxes(jacobians(net)[0], 1, 2), g[..., np.newaxis])
    np.testing.assert_allclose(by_z, solved[..., 0], rtol=1e-9)
    with tf.GradientTape() as tape:
        tape.watch(context)
        z = net(x, *context)[:, : net.event_size]
        total = -tf.reduce_sum(solved[..., 0] * z)
    expected = tape.gradient(total, [*context, *weights])
    for one, other in zip(others, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


def test_a_second_derivative_of_invert_is_refused():
    net = network(2)
    z = points(net)[0]
    with tf.GradientTape() as outer:
        outer.watch(z)
        with tf.GradientTape() as inner:
            inner.watch(z)
            total = tf.reduce_sum(net.invert(z) ** 2)
        first = inner.gradient(total, z)
    with pytest.raises(LookupError, match="no second derivative"):
        outer.gradient(first, z)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize("units", [8, 32])
def test_it_starts_near_the_identity(units, activation):
    net = BlockNetwork(3, units, activation=activation, context_size=2, seed=0)
    x = np.random.default_rng(0).uniform(-2.5, 2.5, size=[500, 3])
    x = tf.constant(x, tf.float32)
    z, log_slopes = tf.split(net(x, tf.ones([500, 2])), 2, axis=-1)
    assert np.sqrt(np.mean((z - x) ** 2)) < 0.1
    assert np.sqrt(np.mean(log_slopes**2)) < 0.25


def test_every_weight_learns_from_the_start():
    net = BlockNetwork(3, 8, context_size=2, seed=0)
    inputs = [tf.cast(part, tf.float32) for part in points(network(context_size=2))]
    net(*inputs)
    for step in range(2):
        with tf.GradientTape() as tape:
            z, log_slopes = tf.split(net(*inputs), 2, axis=-1)
            loss = tf.reduce_mean(z**2) - tf.reduce_mean(log_slopes)
        weights = [w.value for w in net.trainable_weights]
        gradients = tape.gradient(loss, weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_sub(0.1 * gradient)
        if step:  # The blocks below start at zero, and hide what is below them.
            assert all(np.any(gradient) for gradient in gradients)


def test_configuration_round_trip():
    net = network(
        order=[2, 0, 1],
        num_hidden_layers=1,
        context_size=2,
        activation="elu",
        alpha=0.2,
        train_alpha=False,
        name="net",
    )
    config = keras.saving.serialize_keras_object(net)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == net.get_config()
    copy.set_weights(net.get_weights())
    np.testing.assert_array_equal(copy(*points(net)), net(*points(net)))


def test_seeds():
    def start(seed):
        net = BlockNetwork(2, 4, seed=seed)
        net.build((None, 2))
        return net.get_weights()

    for one, other in zip(start(0), start(0), strict=True):
        np.testing.assert_array_equal(one, other)
    for other in (start(1), start(None)):
        assert any(np.any(u != v) for u, v in zip(start(0), other, strict=True))
    pairs = zip(start(None), start(None), strict=True)
    assert any(np.any(u != v) for u, v in pairs)


def test_mixed_precision_keeps_all_digits():
    net = BlockNetwork(2, 4, seed=0, dtype="mixed_bfloat16")
    x = tf.constant(np.random.default_rng(0).normal(size=[5, 2]), tf.float32)
    same = BlockNetwork(2, 4, seed=0)
    np.testing.assert_array_equal(net(x), same(x))


@pytest.mark.parametrize("train_alpha", [True, False])
def test_frozen_and_thawed(train_alpha):
    net = network(train_alpha=train_alpha)
    before = [id(weight) for weight in net.trainable_weights]
    net.trainable = False
    assert not net.trainable_weights
    net.trainable = True
    assert [id(weight) for weight in net.trainable_weights] == before
    assert (len(before) == len(net.weights)) == train_alpha


MISTAKES = {
    "an activation that decreases": ({"activation": "silu"}, "decrease.*'silu'"),
    "a wave": ({"activation": tf.sin}, "must not decrease"),
    "one of all units": ({"activation": "log_softmax"}, "by itself.*'log_softmax'"),
    "one that overflows": ({"activation": tf.exp}, "must be finite"),
    "an alpha of 0": ({"alpha": 0.0}, r"alpha must be positive.*0\.0"),
    "an order of too few": ({"order": [0, 1]}, "order must be the integers 0 … 2"),
    "no units": ({"hidden_factor": 0}, "hidden_factor must be 1 or more"),
    "no layers": ({"num_hidden_layers": 0}, "num_hidden_layers must be 1 or more"),
    "no context": ({"context_size": 0}, "context_size must be 1 or more"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    options, message = MISTAKES[name]
    with pytest.raises(ValueError, match=f"BlockNetwork.*{message}"):
        BlockNetwork(3, **options)


def test_mistakes_at_a_call():
    with pytest.raises(ValueError, match=r"event_size is 3.*size 2"):
        BlockNetwork(3)(tf.zeros([1, 2]))
    with pytest.raises(ValueError, match=r"context_size is None.*of size 2"):
        network()(tf.zeros([1, 3], "float64"), tf.zeros([1, 2], "float64"))
    with pytest.raises(ValueError, match=r"context_size is 2.*got no context"):
        network(context_size=2)(tf.zeros([1, 3], "float64"))
