"""What is particular to one bijector, and the classes to subclass."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors as b
from tfp_flows.conditioners import MLP
from tfp_flows.testing import assert_bijector_conforms


class Power(b.Elementwise):
    """y = sign(x)·|x|^p, as a user might write it."""

    def __init__(self, power, validate_args=False, name="power"):
        exponent_name = "p"
        self.label = exponent_name
        super().__init__(dict(locals()))

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"power": tfp.util.ParameterProperties()}

    def _raised(self, x, power):
        log_slope = tf.math.log(power) + (power - 1) * tf.math.log(tf.abs(x))
        return tf.sign(x) * tf.abs(x) ** power, log_slope

    def _forward_and_log_det(self, x):
        return self._raised(x, tf.convert_to_tensor(self.power))

    def _inverse_and_log_det(self, y):
        return self._raised(y, 1 / tf.convert_to_tensor(self.power))


def test_a_users_own_bijector_conforms():
    x = np.random.default_rng(0).uniform(0.5, 2.0, size=[8, 2])
    assert_bijector_conforms(Power(tf.Variable([1.5, 2.5])), x, spread=0.1)
    assert Power.spec().param_shapes == {"power": ()}


def test_rotation_is_a_rotation():
    """Counterclockwise, of determinant +1: a reflection would have −1."""
    rotation = b.Rotation2D(0.3)
    images = rotation.forward(tf.eye(2)).numpy().T
    assert np.linalg.det(images) == pytest.approx(1.0)
    np.testing.assert_allclose(images @ images.T, np.eye(2), atol=1e-6)
    np.testing.assert_allclose(images[:, 0], [np.cos(0.3), np.sin(0.3)], rtol=1e-6)


def test_shift_and_cube_of_a_known_point():
    y = b.ShiftAndCube(2.0).forward([3.0, 1.0])
    np.testing.assert_allclose(y, [3.0, 1.0 + 2.0 * 27.0])


def test_linear_is_a_row_vector_times_the_matrix():
    rng = np.random.default_rng(0)
    x, matrix, bias = (
        rng.normal(size=[5, 3]),
        rng.normal(size=[3, 3]),
        rng.normal(size=3),
    )
    y = b.Linear(matrix, bias).forward(x)
    np.testing.assert_allclose(y, x @ matrix + bias)


def test_an_own_bijector_without_a_name():
    class Nameless(b.Bijector):
        def __init__(self, validate_args=False):
            super().__init__(dict(locals()), event_size=2)

        _forward_and_log_det = _inverse_and_log_det = None

    with pytest.raises(TypeError, match=r"Nameless.*\['name'\]"):
        Nameless()


def test_permutation_picks():
    order = np.array([3, 0, 2, 1])
    x = np.arange(4.0)
    np.testing.assert_array_equal(b.Permutation(order).forward(x), x[order])


@pytest.mark.parametrize("mask", [[1, 0, 1, 0, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 0]])
def test_coupling_passes_and_transforms_by_the_mask(mask):
    layer = MLP([8], seed=0)
    coupling = b.Coupling(layer, b.Affine.spec(), mask)
    for variable in coupling.trainable_variables:
        variable.assign_add(tf.random.normal(variable.shape, seed=1))
    mask = np.array(mask, bool)
    x = np.random.default_rng(0).normal(size=[6, 5]).astype("float32")
    y = coupling.forward(x).numpy()
    np.testing.assert_array_equal(y[:, mask], x[:, mask])
    assert np.all(y[:, ~mask] != x[:, ~mask])
    # By hand, from the network itself: K parameters for each dimension in turn.
    params = layer(x[:, mask]).numpy().reshape(6, -1, 2)
    log_scale = 3.0 * np.tanh(params[..., 1] / 3.0)
    expected = x[:, ~mask] * np.exp(log_scale) + params[..., 0]
    np.testing.assert_allclose(y[:, ~mask], expected, rtol=1e-5, atol=1e-5)


def test_coupling_with_a_transformer_of_tfp():
    """One of its parameters must be positive, as its `parameter_properties` say."""
    spec = b.TransformerSpec(tfb.SinhArcsinh, {"skewness": (), "tailweight": ()})

    def make(dtype):
        return b.Coupling(MLP([4], seed=0, dtype=dtype), spec, [True, False])

    x = np.random.default_rng(0).normal(size=[8, 2])
    assert_bijector_conforms(make, x, spread=0.3, extreme=None)


class Late(keras.Model):
    """A user's model whose layers are built by its first call only."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(x)


def test_weights_that_are_made_late_are_seen():
    coupling = b.Coupling(Late(), b.Affine.spec(), [True, False])
    assert len(coupling.trainable_variables) == 2


def test_coupling_takes_a_plain_function():
    coupling = b.Coupling(
        lambda x: tf.concat([x, 0.1 * x], -1), b.Affine.spec(), [True, False]
    )
    np.testing.assert_allclose(
        coupling.forward([2.0, 3.0]),
        [2.0, 3.0 * np.exp(3.0 * np.tanh(0.2 / 3.0)) + 2.0],
        rtol=1e-6,
    )


def test_a_keras_variable_is_not_frozen():
    shift = keras.Variable([0.0, 0.0])
    affine = b.Affine(shift, tf.zeros(2))
    shift.assign([1.0, 2.0])
    np.testing.assert_allclose(affine.forward(tf.zeros(2)), [1.0, 2.0])
    assert len(affine.trainable_variables) == 1


def test_constraints_hold_whatever_the_variables():
    radial = b.Radial.trainable(2, seed=0)
    for variable in radial.trainable_variables:
        variable.assign(tf.fill(variable.shape, -300.0))
    x = tf.random.normal([5, 2], seed=0)
    assert np.isfinite(radial.forward(x)).all()
    assert np.isfinite(radial.inverse(x)).all()


@pytest.mark.parametrize(
    "cls", [b.Planar, b.Radial, b.Rotation2D, b.ShiftAndCube, b.Linear, b.Affine]
)
def test_trainable_is_reproducible_and_near_the_identity(cls):
    x = np.random.default_rng(0).normal(size=[20, 2]).astype("float32")
    first, same, other = (cls.trainable(2, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.forward(x), same.forward(x))
    if cls not in (b.Linear, b.Affine):  # These start exactly at the identity.
        assert np.any(first.forward(x) != other.forward(x))
    assert np.abs(first.forward(x) - x).max() < 0.2


def test_in_tfp_code_with_a_batch_of_parameters():
    """Four planar maps at once: batch shape [4], as TFP computes it."""
    rng = np.random.default_rng(0)
    planar = b.Planar(
        *(rng.normal(size=s).astype("float32") for s in [(4, 2), (4, 2), 4])
    )
    flow = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros(2)),
        tfb.Chain([tfb.Shift([1.0, 1.0]), planar]),
    )
    assert flow.batch_shape == [4]
    assert flow.sample(7).shape == [7, 4, 2]
    assert flow.log_prob(tf.zeros([7, 1, 2])).shape == [7, 4]


def test_tfp_minimize_trains_it():
    planar = b.Planar.trainable(2, seed=0)
    flow = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros(2)), tfb.Invert(planar)
    )
    x = np.random.default_rng(0).normal([2.0, 0.0], 1.0, [100, 2]).astype("float32")
    losses = tfp.math.minimize(
        lambda: -tf.reduce_mean(flow.log_prob(x)),
        num_steps=30,
        optimizer=tf.optimizers.Adam(0.1),
        trainable_variables=flow.trainable_variables,
    )
    assert losses[-1] < losses[0] - 0.1


def test_a_point_of_unknown_shape_inside_a_function():
    planar = b.Planar.trainable(2, seed=0)
    forward = tf.function(
        planar.forward, input_signature=[tf.TensorSpec(None, tf.float32)]
    )
    x = tf.constant([[1.0, 2.0]])
    np.testing.assert_allclose(forward(x), planar.forward(x), rtol=1e-6)
