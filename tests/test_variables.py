import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import KerasModule, variables


def dense(units=3, inputs=2, **options):
    layer = keras.layers.Dense(units, **options)
    layer.build((None, inputs))
    return layer


class Holder(tfb.Bijector):
    """Any objects, held in any structure."""

    def __init__(self, held):
        parameters = dict(locals())
        self.held = held
        super().__init__(forward_min_event_ndims=0, parameters=parameters)


# KerasModule.


@pytest.mark.parametrize("batch", [(), (4,), (2, 3), (0,)])
def test_keras_module_takes_any_batch(batch):
    layer = dense()
    x = np.random.default_rng(0).normal(size=[*batch, 2]).astype("float32")
    expected = x @ layer.kernel.numpy() + layer.bias.numpy()
    net = KerasModule(layer)
    np.testing.assert_allclose(net(x), expected, rtol=1e-5, atol=1e-6)


def test_keras_module_in_a_graph_with_unknown_batch():
    net = KerasModule(dense())
    spec = tf.TensorSpec([None, None, 2])
    y = tf.function(net, input_signature=[spec])(tf.ones([2, 3, 2]))
    np.testing.assert_allclose(y, net(tf.ones([2, 3, 2])), rtol=1e-6)


def test_keras_module_keeps_the_dtype_of_its_input():
    assert KerasModule(dense(dtype="float64")).dtype == tf.float64
    assert KerasModule(dense(dtype="float64"))(tf.ones([1, 2], "float64")).dtype == (
        tf.float64
    )
    mixed = KerasModule(dense(dtype="mixed_bfloat16"))
    assert mixed.dtype == tf.float32
    assert mixed(tf.ones([1, 2])).dtype == tf.float32


def test_keras_module_makes_weights_visible():
    layer = dense()
    values = [w.value for w in layer.weights]
    assert Holder(layer).trainable_variables == ()
    found = Holder(KerasModule(layer)).trainable_variables
    assert {id(v) for v in found} == {id(v) for v in values}
    found[0].assign(tf.ones_like(found[0]))
    visible = [v for v in layer.weights if np.all(v.numpy() == 1.0)]
    assert visible


def test_keras_module_refuses_what_has_no_weights_yet():
    with pytest.raises(ValueError, match=r"'raw' is not built.*layer\.build"):
        KerasModule(keras.layers.Dense(2, name="raw"))
    with pytest.raises(TypeError, match=r"keras\.Layer, but got function"):
        KerasModule(lambda x: x)


def test_keras_module_is_reached_by_tfp_minimize():
    layer = dense(units=1, inputs=1, kernel_initializer="zeros")
    net = KerasModule(layer)
    tfp.math.minimize(
        lambda: tf.reduce_sum((net([[1.0]]) - 3.0) ** 2),
        num_steps=100,
        optimizer=keras.optimizers.Adam(0.1),
        trainable_variables=[w.value for w in layer.weights],
    )
    assert abs(float(net([[1.0]])[0, 0]) - 3.0) < 0.1


# SharedVariable.


def test_shared_variable_is_the_same_storage():
    storage = tf.Variable([1.0, 2.0], name="scope/1 odd name")
    weight = variables.SharedVariable(storage)
    assert isinstance(weight, keras.Variable)
    assert weight.value is storage
    storage.assign([3.0, 4.0])
    np.testing.assert_array_equal(weight.numpy(), [3.0, 4.0])
    weight.assign([5.0, 6.0])
    np.testing.assert_array_equal(storage, [5.0, 6.0])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("trainable", [True, False])
def test_shared_variable_has_the_properties_of_the_storage(dtype, trainable):
    storage = tf.Variable(np.ones([2, 3]), dtype=dtype, trainable=trainable)
    weight = variables.SharedVariable(storage)
    assert (weight.dtype, weight.shape, weight.trainable) == (dtype, (2, 3), trainable)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_an_optimizer_moves_the_storage(optimizer):
    storage = tf.Variable([1.0, 2.0])
    weight = variables.SharedVariable(storage)
    optimizer = getattr(keras.optimizers, optimizer)(0.5)
    optimizer.apply_gradients([(tf.constant([1.0, -1.0]), weight)])
    np.testing.assert_allclose(storage, [0.5, 2.5], rtol=1e-4)


def test_the_precision_of_the_storage_survives_autocasting():
    weight = variables.SharedVariable(tf.Variable([1.0]))
    with keras.src.backend.AutocastScope("float16"):
        assert weight.value.dtype == tf.float32


# find_weights.


def identities(found):
    layers = [w for layer in found.layers for w in layer.variables]
    return [id(v.value) for v in [*layers, *found.variables]]


def test_find_weights_looks_into_every_structure():
    layer, v = dense(), tf.Variable(1.0)
    own = keras.Variable(2.0)
    deferred = tfp.util.TransformedVariable(1.0, tfb.Exp())
    holder = Holder({"list": [layer, (v, Holder(own))], "deferred": deferred})
    found = variables.find_weights(tfb.Chain([tfb.Shift(0.0), holder]))
    expected = [w.value for w in layer.weights] + [v, own.value]
    expected += list(deferred.trainable_variables)
    assert set(identities(found)) == {id(e) for e in expected}
    # A user's own keras.Variable is itself the weight.
    assert any(w is own for w in found.variables)


def test_find_weights_lists_each_storage_once():
    layer, v = dense(), tf.Variable(1.0)
    same = [layer, KerasModule(layer), layer.kernel, layer.kernel.value, [layer]]
    found = variables.find_weights(Holder([*same, v, v, Holder(v)]))
    assert len(identities(found)) == len(set(identities(found))) == 3


def test_find_weights_of_distributions():
    loc, shift = tf.Variable([0.0, 0.0]), tf.Variable(1.0)
    flow = tfd.TransformedDistribution(
        tfd.Independent(tfd.Normal(loc, 1.0), 1), tfb.Shift(shift)
    )
    assert set(identities(variables.find_weights(flow))) == {id(loc), id(shift)}


def test_find_weights_refuses_what_would_not_be_trained():
    with pytest.raises(ValueError, match=r"'raw' is not built"):
        variables.find_weights(Holder([keras.layers.Dense(1, name="raw")]))
    ice = keras.Variable(1.0, name="ice")
    for frozen in (tfb.Scale(ice), tfd.Normal(ice, 1.0), tfb.Chain([tfb.Shift(ice)])):
        with pytest.raises(ValueError, match=r"'ice'.*froze.*`\.value`"):
            variables.find_weights(frozen)
    # The storage is fine.
    assert len(variables.find_weights(tfb.Scale(ice.value)).variables) == 1


# as_reference and common_dtype.


def test_as_reference_keeps_what_can_change():
    def kept(value):
        return variables.as_reference(value, dtype=tf.float32, name="p")

    v, weight = tf.Variable(1.0), keras.Variable(1.0)
    deferred = tfp.util.DeferredTensor(v, tf.exp)
    assert kept(v) is v
    assert kept(weight) is weight.value
    assert kept(deferred) is deferred
    assert tf.is_tensor(kept([1.0, 2.0]))
    for wrong in (tf.Variable(1.0, dtype=tf.float64), tf.constant(1)):
        with pytest.raises(TypeError, match=r"p must be float32, but got .*"):
            kept(wrong)


def test_common_dtype():
    double = tf.constant(1.0, tf.float64)
    assert variables.common_dtype({"a": 1.0}, where="here") == tf.float32
    mixed = {"a": double, "b": [1.0]}
    assert variables.common_dtype(mixed, where="here") == tf.float64
    with pytest.raises(TypeError, match=r"here.*a is float64, b is float32"):
        variables.common_dtype({"a": double, "b": tf.constant(1.0)}, where="here")
    with pytest.raises(TypeError, match=r"here.*floating.*a is int32"):
        variables.common_dtype({"a": tf.constant(1)}, where="here")
