"""The flow whose events are images."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import FlowModel, bijectors, flows
from tfp_flows.distributions import Flow

SMALL = {"filters": 3, "num_layers": 2, "first_kernel_size": 3, "seed": 0}
SHAPE = (2, 3, 2)


def images(*batch, dtype="float32", seed=1):
    return np.random.default_rng(seed).normal(size=[*batch, *SHAPE]).astype(dtype)


def moved(flow):
    rng = np.random.default_rng(0)
    for v in flow.trainable_variables:
        v.assign_add(rng.normal(scale=0.3, size=v.shape))
    return flow


def test_it_starts_at_its_base():
    flow = flows.pixel_cnn(SHAPE, **SMALL)
    assert isinstance(flow, Flow)
    assert (
        flow.event_shape == SHAPE and flow.batch_shape == [] and flow.dtype == "float32"
    )
    x = images(4)
    expected = tfd.MultivariateNormalDiag(tf.zeros(12)).log_prob(x.reshape(4, 12))
    np.testing.assert_allclose(flow.log_prob(x), expected, rtol=1e-5)
    base = tfd.MultivariateNormalDiag(tf.ones(12))
    flow = flows.pixel_cnn(SHAPE, base=base, **SMALL)
    expected = base.log_prob(x.reshape(4, 12))
    np.testing.assert_allclose(flow.log_prob(x), expected, rtol=1e-5)


def test_its_pixels_are_in_order():
    """Each depends on those before, in raster order with the channels side by side."""
    flow = moved(flows.pixel_cnn(SHAPE, dtype="float64", **SMALL))
    y = tf.constant(images(5, dtype="float64"))
    np.testing.assert_allclose(flow.bijector.forward(flow.bijector.inverse(y)), y)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y)
        z = tf.unstack(flow.bijector.inverse(tf.identity(y)), axis=-1)
    rows = [tf.reshape(tape.gradient(z_i, y), [5, 12]) for z_i in z]
    jacobian = np.stack(rows, axis=1)
    np.testing.assert_array_equal(np.any(jacobian != 0, axis=0), np.tri(12))
    _, log_det = np.linalg.slogdet(jacobian)
    expected = flow.distribution.log_prob(tf.stack(z, axis=-1)) + log_det
    np.testing.assert_allclose(flow.log_prob(tf.identity(y)), expected)


def test_fit_samples_and_mixtures():
    mixture = bijectors.GaussianMixtureCDF.spec(num_components=2)
    flow = flows.pixel_cnn(SHAPE, transformer=mixture, **SMALL)
    start = [v.numpy() for v in flow.trainable_variables]
    model = FlowModel(flow)
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    x = 2.0 + images(64) * [0.5, 1.5]
    before = model.evaluate(x, verbose=0)
    model.fit(x, batch_size=32, epochs=5, verbose=0)
    assert model.evaluate(x, verbose=0) < before - 1
    for v, old in zip(flow.trainable_variables, start, strict=True):
        assert np.any(v != old), v.name
    assert model.sample(3, seed=0).shape == [3, *SHAPE]
    assert flow.sample([2, 2], seed=[0, 1]).shape == [2, 2, *SHAPE]


def test_with_a_context():
    flow = moved(flows.pixel_cnn(SHAPE, context_size=4, dtype="float64", **SMALL))
    context = tf.constant(np.random.default_rng(0).normal(size=[5, 4]))
    given = flow(context)
    assert given.batch_shape == [5] and given.event_shape == SHAPE
    assert given.sample(2, seed=[0, 1]).shape == [2, 5, *SHAPE]
    x = images(5, dtype="float64")
    alone = [flow(context[i]).log_prob(x[i]) for i in range(5)]
    np.testing.assert_allclose(given.log_prob(x), alone)
    assert np.ptp(given.log_prob(x[:1])) > 1e-3


@pytest.mark.parametrize(
    "shape, options, error, message",
    [
        (
            (8, 8),
            {},
            ValueError,
            r"flows\.pixel_cnn: image_shape must be three.*\(8, 8\)",
        ),
        ((8, 8, 0), {}, ValueError, "image_shape must be 1 or more"),
        (8, {}, TypeError, "image_shape must be integers.*8"),
        (SHAPE, {"filters": 1}, ValueError, "filters must be as many as the channels"),
        (SHAPE, {"dtype": "int32"}, TypeError, "floating.*int32"),
        (SHAPE, {"transformer": tfb.Shift}, TypeError, "must be a TransformerSpec"),
        (
            SHAPE,
            {"base": tfd.MultivariateNormalDiag(tf.zeros(3))},
            ValueError,
            r"flows\.pixel_cnn: the base must have event shape \[12\].*\(3,\)",
        ),
    ],
)
def test_mistakes(shape, options, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        flows.pixel_cnn(shape, **options)
