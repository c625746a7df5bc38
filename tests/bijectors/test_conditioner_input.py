"""What a conditioner sees, q(x): the layer stays a bijection, near and far out."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors as b
from tfp_flows import flows, networks
from tfp_flows.conditioners import MADE, MLP
from tfp_flows.math import taper
from tfp_flows.saving.document import decode, digest, encode

AFFINE = b.Affine.spec(log_scale_bound=None)
MONOTONE = b.SumOfSquares.spec(num_polynomials=2, degree=2).fast("log_prob")
KINDS = {
    "coupling": lambda spec, **options: b.Coupling(
        MLP([8], seed=0, dtype="float64"), spec, [True, False, False], **options
    ),
    "autoregressive": lambda spec, **options: b.Autoregressive(
        MADE(3, [8], seed=0, order=[1, 2, 0], dtype="float64"), spec, **options
    ),
    "recurrent": lambda spec, **options: b.Autoregressive(
        networks.Recurrent(3, units=4, seed=0, dtype="float64"), spec, **options
    ),
}


def points(*shape):
    return np.random.default_rng(0).normal(size=shape)


def drawn(layer, scale=0.5):
    rng = np.random.default_rng(1)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(scale=scale, size=variable.shape))
    return layer


@pytest.mark.parametrize("kind", ["coupling", "autoregressive"])
def test_the_conditioner_sees_q_and_the_transformer_the_points(kind):
    layer = drawn(KINDS[kind](AFFINE))
    y = tf.constant(10.0 * points(6, 3))
    is_coupling = kind == "coupling"
    seen = taper(y[:, :1] if is_coupling else y)
    params = layer.conditioner(seen).numpy().reshape(6, -1, 2)
    changed = y[:, 1:] if is_coupling else y
    expected = (changed - params[..., 0]) * np.exp(-params[..., 1])
    x = layer.inverse(y)
    np.testing.assert_allclose(x[:, 1:] if is_coupling else x, expected)
    log_det = layer.inverse_log_det_jacobian(y, event_ndims=1)
    np.testing.assert_allclose(log_det, -params[..., 1].sum(axis=1))
    plain = KINDS[kind](AFFINE, conditioner_input=None)
    for variable, value in zip(plain.variables, layer.variables, strict=True):
        variable.assign(value)
    assert np.abs(plain.inverse(y) - x).max() > 0.1
    near = tf.constant(points(6, 3))
    np.testing.assert_array_equal(plain.inverse(near), layer.inverse(near))


@pytest.mark.parametrize("spec", [AFFINE, MONOTONE], ids=["affine", "monotone"])
@pytest.mark.parametrize("kind", KINDS)
def test_round_trips_jacobians_and_gradients_far_out(kind, spec):
    layer = drawn(KINDS[kind](spec))
    z = tf.constant(points(4, 3) * np.array([1.0, 4.0, 30.0, 1e4])[:, np.newaxis])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        y = layer.forward(z)
    back = layer.inverse(tf.identity(y))
    np.testing.assert_allclose(back, z, rtol=1e-7, atol=1e-8)
    log_det = layer.forward_log_det_jacobian(z, event_ndims=1)
    jacobian = tape.batch_jacobian(y, z, experimental_use_pfor=False)
    np.testing.assert_allclose(
        np.linalg.slogdet(jacobian.numpy())[1], log_det, rtol=1e-6, atol=1e-8
    )
    # The two directions' Jacobians, of different programs, are each other's inverse.
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y)
        x = layer.inverse(y)
    product = tape.batch_jacobian(x, y, experimental_use_pfor=False) @ jacobian
    np.testing.assert_allclose(
        product, np.broadcast_to(np.eye(3), [4, 3, 3]), atol=1e-6
    )


@pytest.mark.parametrize("kind", ["coupling", "autoregressive"])
def test_what_is_huge_stays_finite(kind):
    layer = drawn(KINDS[kind](b.Affine.spec()))
    y = tf.constant([[1e30, -1e30, 1e30], [-1e30, 1.0, 1e4]], tf.float64)
    x, z = layer.inverse(y), layer.forward(y)
    assert np.isfinite(x).all() and np.isfinite(z).all()
    np.testing.assert_allclose(layer.forward(tf.identity(x)), y, rtol=1e-9)


@pytest.mark.parametrize("name", ["umnn", "naf", "real_nvp", "maf"])
def test_a_flow_moved_at_random_comes_back(name):
    flow = getattr(flows, name)(3, seed=0)
    rng = np.random.default_rng(0)
    for variable in flow.trainable_variables:
        variable.assign_add(rng.normal(scale=0.1, size=variable.shape))
    x = points(200, 3).astype("float32")
    z = flow.bijector.inverse(x)
    back = flow.bijector.forward(tf.identity(z))
    assert np.abs(back - x).max() < 0.1


def test_layers_of_another_choice_share_no_program():
    one, other = (
        KINDS["coupling"](AFFINE, conditioner_input=choice)
        for choice in ("tapered", None)
    )
    assert one.structure("inverse") != other.structure("inverse")


@pytest.mark.parametrize("kind", ["coupling", "autoregressive"])
@pytest.mark.parametrize("choice", ["tapered", None])
def test_files_hold_the_choice_and_older_ones_mean_none(kind, choice):
    layer = KINDS[kind](AFFINE, conditioner_input=choice)
    encoded = encode(layer)
    assert decode(encoded).conditioner_input == choice
    root = without(encoded["root"], "conditioner_input")
    assert root != encoded["root"]  # It is written even where it is the default.
    older = decode(encoded | {"root": root, "sha256": digest(root)})
    assert older.conditioner_input is None


def without(node, key):
    """A tree of JSON without that key."""
    if isinstance(node, dict):
        return {k: without(part, key) for k, part in node.items() if k != key}
    return [without(part, key) for part in node] if isinstance(node, list) else node


@pytest.mark.parametrize("choice", ["q", 1, tf.tanh])
def test_a_choice_that_is_not_known_is_refused(choice):
    with pytest.raises(ValueError, match="must be 'tapered', or None"):
        KINDS["coupling"](AFFINE, conditioner_input=choice)
    with pytest.raises(ValueError, match=r"flows\.maf: .*'tapered', or None"):
        flows.maf(2, conditioner_input=choice)
