"""Networks in bfloat16 and the rest in float32; float64 from end to end."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows

X = np.random.default_rng(0).normal(2.0, 1.5, size=[256, 3])
SMALL = {"num_layers": 2, "hidden_units": [16], "seed": 0}
FLOWS = {
    "maf": SMALL,
    "iaf": SMALL,
    "nsf": SMALL | {"autoregressive": True, "num_bins": 4},
    "cubic_spline": SMALL,
    "real_nvp": SMALL,
    "nice": SMALL | {"permutation": tfp_flows.bijectors.LULinear.trainable},
    "planar": SMALL | {"context_size": 2},
}


@pytest.mark.filterwarnings("ignore::tfp_flows.DataWarning")
@pytest.mark.parametrize("name", FLOWS)
def test_networks_in_bfloat16(name):
    flow = getattr(tfp_flows.flows, name)(3, dtype="mixed_bfloat16", **FLOWS[name])
    conditional = "context_size" in FLOWS[name]
    model = tfp_flows.FlowModel(flow)
    assert {w.dtype for w in model.weights} == {"float32"}
    policies = {layer.compute_dtype for layer in model.networks}
    assert policies == {"bfloat16"}
    data = (X[:, :2], X) if conditional else (X,)
    # Off the start, where networks give zero in any dtype.
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    history = model.fit(*data, batch_size=64, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]
    x = tf.constant(X, tf.float32)
    given = flow(tf.constant(X[:, :2], tf.float32)) if conditional else flow
    log_prob = given.log_prob(x)
    assert log_prob.dtype == tf.float32 and np.all(np.isfinite(log_prob))
    # Not rounded to bfloat16, which has 8 bits.
    assert np.any(log_prob != tf.cast(tf.cast(log_prob, tf.bfloat16), tf.float32))
    z = given.bijector.inverse(x)
    back = given.bijector.forward(tf.identity(z))
    np.testing.assert_allclose(back, x, atol=0.2)
    assert np.all(np.isfinite(given.sample(seed=[0, 1])))


def test_two_thousand_steps_in_bfloat16_stay_finite():
    flow = tfp_flows.flows.nsf(2, num_bins=4, dtype="mixed_bfloat16", **SMALL)
    model = tfp_flows.FlowModel(flow)
    model.compile(keras.optimizers.Adam(3e-3))
    x = np.random.default_rng(1).standard_t(3, size=[4000, 2])
    before = model.evaluate(x, verbose=0)
    losses = model.fit(x, batch_size=64, epochs=32, verbose=0).history["loss"]
    assert model.optimizer.iterations >= 2000
    assert np.all(np.isfinite(losses)) and losses[-1] < before
    assert all(np.all(np.isfinite(w)) for w in model.get_weights())


def test_bfloat16_is_near_float32():
    """The same weights; the networks' outputs differ by bfloat16's rounding."""
    flows = [
        tfp_flows.flows.maf(3, dtype=dtype, **SMALL)
        for dtype in ("float32", "mixed_bfloat16")
    ]
    models = [tfp_flows.FlowModel(flow) for flow in flows]
    rng = np.random.default_rng(0)
    weights = [rng.normal(scale=0.3, size=w.shape) for w in models[0].weights]
    for model in models:
        model.set_weights(weights)
    log_probs = [flow.log_prob(X.astype("float32")) for flow in flows]
    np.testing.assert_allclose(*log_probs, rtol=0.05, atol=0.1)
    assert np.any(log_probs[0] != log_probs[1])


def test_float64_from_end_to_end():
    """To digits that float32 does not have."""
    flow = tfp_flows.flows.real_nvp(3, dtype="float64", **SMALL)
    model = tfp_flows.FlowModel(flow)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(X, batch_size=64, epochs=1, verbose=0)
    assert {w.dtype for w in model.weights} == {"float64"}
    assert {layer.compute_dtype for layer in model.networks} == {"float64"}
    log_prob = model.predict(X, verbose=0)
    assert log_prob.dtype == np.float64
    np.testing.assert_allclose(log_prob, flow.log_prob(X), rtol=1e-12)
    moved = model.predict(X + 1e-10, verbose=0)
    assert np.all(moved != log_prob)


@pytest.mark.parametrize("dtype", ["int32", "mixed_int", "half a float"])
def test_what_is_no_floating_dtype(dtype):
    with pytest.raises((TypeError, ValueError), match=r"(?i)dtype|policy"):
        tfp_flows.flows.maf(3, dtype=dtype)
