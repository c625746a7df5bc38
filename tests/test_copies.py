"""Copies of bijectors, flows and networks live, and live apart."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_flows import SMALL_FLOWS, small_flow

from tfp_flows import FlowModel, KerasModule, bijectors
from tfp_flows.testing import EXAMPLES


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


COPIES = pytest.mark.parametrize("copied", [copy.deepcopy, pickled])


def check_apart(thing, twin, evaluate):
    """The twin has equal values, moves by its own variables, and moves alone."""
    before = evaluate(thing)
    np.testing.assert_allclose(evaluate(twin), before, rtol=1e-5, atol=1e-6)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.cast(evaluate(twin), tf.float64))
    assert len(twin.trainable_variables) == len(thing.trainable_variables)
    assert None not in tape.gradient(total, twin.trainable_variables)
    for variable in twin.trainable_variables:
        variable.assign_add(tf.ones_like(variable))
    np.testing.assert_array_equal(evaluate(thing), before)


@pytest.mark.parametrize("name", EXAMPLES)
def test_bijectors(name):
    bijector, x = EXAMPLES[name].make("float32"), EXAMPLES[name].x[:2]
    for variable in bijector.trainable_variables:
        variable.assign_add(0.1 * tf.ones_like(variable))

    def evaluate(bijector):
        points, ndims = tf.constant(x, tf.float32), x.ndim - 1
        log_det = bijector.forward_log_det_jacobian(points, ndims)
        return tf.concat(
            [
                tf.reshape(bijector.forward(points), [2, -1]),
                tf.broadcast_to(log_det, [2])[:, tf.newaxis],
            ],
            axis=-1,
        )

    check_apart(bijector, pickled(copy.deepcopy(bijector)), evaluate)


@pytest.mark.parametrize("name", SMALL_FLOWS)
def test_flows(name):
    flow, points = small_flow(name)
    twin = pickled(copy.deepcopy(flow))
    count = FlowModel(flow).count_params()
    assert FlowModel(twin).count_params() == count
    check_apart(flow, twin, lambda f: f.log_prob(tf.identity(points)))


@COPIES
def test_a_copy_trains_and_keeps_its_checkpoints(copied, tmp_path):
    flow, points = small_flow("maf")
    twin = copied(flow)
    model = FlowModel(twin)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    weights = [np.array(w) for w in model.trainable_weights]
    model.fit(points, verbose=0)
    moved = [
        np.any(w != old)
        for w, old in zip(model.trainable_weights, weights, strict=True)
    ]
    assert all(moved) and len(moved) == len(flow.trainable_variables)
    path = tf.train.Checkpoint(flow=twin).write(str(tmp_path / "c"))
    other = copied(flow)
    tf.train.Checkpoint(flow=other).read(path).assert_consumed()
    np.testing.assert_array_equal(other.log_prob(points), twin.log_prob(points))


@COPIES
def test_what_is_shared_stays_shared(copied):
    layer = keras.layers.Dense(2)
    layer.build((None, 2))
    module = tf.Module()
    module.modules = [KerasModule(layer), KerasModule(layer)]
    module.scale = bijectors.Affine(layer.bias.value, tf.Variable([0.0, 0.0]))
    twin = copied(module)
    first, second = twin.modules
    assert first.layer is second.layer
    assert twin.scale.shift is first.layer.bias.value
    assert twin.scale.shift is not layer.bias.value
    assert len(twin.trainable_variables) == len(module.trainable_variables) == 3


class Unregistered(keras.layers.Dense):
    """Unknown to Keras, which makes copies by names."""


@COPIES
def test_a_layer_that_cannot_be_made_again_is_refused(copied):
    layer = Unregistered(2)
    layer.build((None, 1))
    with pytest.raises(TypeError, match=r"'Unregistered'.*register_keras_ser"):
        copied(KerasModule(layer))


@COPIES
def test_a_layer_that_comes_back_as_another_one_is_refused(copied):
    layer = Forgetful(2, 3, name="forgetful")
    layer.build((None, 1))
    with pytest.raises((TypeError, ValueError), match="forgetful"):
        copied(KerasModule(layer))


@keras.saving.register_keras_serializable("tests")
class Forgetful(keras.layers.Layer):
    """Its configuration leaves out that its weights are more."""

    def __init__(self, units=2, count=1, **kwargs):
        super().__init__(**kwargs)
        self.units, self.count = units, count

    def build(self, shape):
        self.kernels = [
            self.add_weight(shape=(1, self.units)) for _ in range(self.count)
        ]

    def get_config(self):
        return super().get_config() | {"units": self.units}
