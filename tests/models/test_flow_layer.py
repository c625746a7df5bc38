"""`FlowLayer` in Keras models of one's own, and bare flows, which are refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import FlowLayer, FlowModel, KerasModule, bijectors, conditioners, flows
from tfp_flows.distributions import Family, StandardNormal
from tfp_flows.variables.keras_context import require_tracked

rng = np.random.default_rng(0)
C = rng.normal(size=[64, 3]).astype("float32")
X = (2.0 * C[:, :2] + rng.normal(size=[64, 2])).astype("float32")
Y = np.zeros(64, "float32")
SMALL = {"num_layers": 1, "hidden_units": [4], "seed": 0}


def conditional(**options):
    return flows.maf(2, context_size=3, **SMALL, **options)


def drawn(flow):
    """The flow with all weights off their start, where contexts do nothing."""
    for v in flow.trainable_variables:
        v.assign_add(rng.normal(scale=0.3, size=v.shape))
    return flow


def nll(_, log_prob):
    return -log_prob


@keras.saving.register_keras_serializable(package="test_flow_layer")
class Model(keras.Model):
    """As people write them: an encoder, and a flow of what it makes."""

    def __init__(self, flow, **options):
        super().__init__(**options)
        self.encoder = keras.layers.Dense(3)
        self.flow = flow

    def call(self, inputs):
        context = self.encoder(inputs[0])
        if isinstance(self.flow, FlowLayer):
            return self.flow(inputs[1], context)
        return self.flow(context).log_prob(inputs[1])

    def get_config(self):
        return {"flow": keras.saving.serialize_keras_object(self.flow)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["flow"]))


def subclassed(layer):
    model = Model(layer)
    model([C, X])
    return model


def functional(layer):
    c, x = keras.Input([3]), keras.Input([2])
    context = keras.layers.Dense(3)(c)
    return keras.Model([c, x], layer(x, context=context))


MODELS = {"subclassed": subclassed, "functional": functional}
EACH = pytest.mark.parametrize("kind", MODELS)


def fit(model, epochs=2, **options):
    options = {"run_eagerly": True} | options
    model.compile(keras.optimizers.Adam(0.05), loss=nll, **options)
    return model.fit([C, X], Y, epochs=epochs, verbose=0).history["loss"]


# A6: a flow in a model of one's own.


@EACH
def test_a_flow_layer_is_trained_with_the_model(kind):
    flow = conditional()
    model = MODELS[kind](FlowLayer(flow))
    before = [v.numpy() for v in flow.trainable_variables]
    losses = fit(model, epochs=3)
    assert losses[-1] < losses[0]
    for old, new in zip(before, flow.trainable_variables, strict=True):
        assert np.any(old != new.numpy())
    assert len(model.trainable_weights) == 2 + len(flow.trainable_variables)


def test_a_frozen_flow_stays_as_it_is():
    flow = drawn(conditional())
    model = subclassed(FlowLayer(flow, trainable=False))
    before = [v.numpy() for v in flow.trainable_variables]
    kernel = model.encoder.kernel.numpy()
    fit(model, epochs=1, jit_compile=True, run_eagerly=False)
    for old, new in zip(before, flow.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.any(kernel != model.encoder.kernel)
    assert len(model.trainable_weights) == 2
    assert len(model.weights) == 2 + len(flow.variables)
    # What trains the flow elsewhere goes on.
    assert len(FlowModel(flow).trainable_weights) == len(before)


BARE = {
    "a family": (conditional, "Family 'maf'"),
    "in a list": (lambda: [conditional()], "Family 'maf'"),
    "in a dict": (lambda: {"flow": conditional()}, "Family 'maf'"),
    "a flow": (lambda: flows.maf(2, **SMALL), "Flow 'maf'"),
    "a bijector": (lambda: bijectors.Affine.trainable(3), "Affine 'affine'"),
    "a network": (lambda: network(), "KerasModule 'dense"),
    "a bijector of TFP's": (
        lambda: tfb.RealNVP(
            num_masked=1,
            shift_and_log_scale_fn=conditioners.real_nvp_template(3, 1, [4], seed=0),
        ),
        "KerasModule 'mlp",
    ),
}


def network():
    layer = keras.layers.Dense(3)
    layer.build([None, 3])
    return KerasModule(layer)


class Bare(keras.Model):
    def __init__(self, flow, own_step=False):
        super().__init__()
        self.encoder = keras.layers.Dense(3)
        self.flow = flow
        self.own_step = own_step

    def call(self, inputs, training=None):
        flow = self.flow
        if isinstance(flow, list):
            flow = flow[0]
        elif isinstance(flow, dict):
            flow = flow["flow"]
        context = self.encoder(inputs[0])
        if isinstance(flow, tfb.Bijector | KerasModule):
            flow = getattr(flow, "forward", flow)
            return flow(context)[:, 0]
        given = flow(context) if isinstance(flow, Family) else flow
        return given.log_prob(inputs[1])


@pytest.mark.filterwarnings("ignore:Layer 'bare")
@pytest.mark.parametrize("name", BARE)
def test_a_bare_flow_in_a_model_that_is_fitted_is_refused(name):
    make, named = BARE[name]
    model = Bare(make())
    model([C, X])  # To use it is no mistake, nor to evaluate it.
    model.compile("adam", loss=nll)
    model.evaluate([C, X], Y, verbose=0)
    with pytest.raises(ValueError, match=rf"(?s)'bare.*{named}.*FlowLayer\(flow\)"):
        fit(model, run_eagerly=name != "a family")


def test_a_flow_that_train_step_calls_itself_is_refused():
    class OwnStep(Bare):
        def train_step(self, data):
            (c, x), _ = data
            return {"loss": -tf.reduce_mean(self.flow(self.encoder(c)).log_prob(x))}

    model = OwnStep(conditional())
    model([C, X])
    with pytest.raises(ValueError, match=r"Family 'maf'.*FlowLayer\(flow\)"):
        fit(model)


def test_what_has_nothing_to_train_is_not_refused():
    """A distribution without variables, in a step of training."""

    class OwnStep(Bare):
        def train_step(self, data):
            require_tracked(self.flow)
            return {"loss": -tf.reduce_mean(self.flow.log_prob(data[0][1]))}

    fit(OwnStep(StandardNormal(2)))


def test_a_flow_layer_that_keras_does_not_see_is_refused():
    class Hidden:
        layer = FlowLayer(conditional())

    class Wrong(Bare):
        def call(self, inputs):
            return Hidden.layer(inputs[1], self.encoder(inputs[0]))

    model = Wrong(None)
    model([C, X])
    with pytest.raises(ValueError, match="would not train Family 'maf'"):
        fit(model)


def test_outside_of_keras_nothing_is_refused():
    flow = conditional()
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(flow(C).log_prob(X))
    assert all(g is not None for g in tape.gradient(loss, flow.trainable_variables))


def test_a_flow_of_tfps_parts_alone_is_trained_by_its_layer():
    """Bare, Keras does not see it, nor do we: nothing of ours is called."""
    scale = tfb.Scale(tf.Variable([1.0, 2.0]))
    flow = tfd.TransformedDistribution(tfd.MultivariateNormalDiag(tf.zeros(2)), scale)
    model = keras.Sequential([keras.Input([2]), FlowLayer(flow)])
    model.compile(keras.optimizers.Adam(0.1), loss=nll, run_eagerly=True)
    model.fit(X, Y, verbose=0)
    assert np.all(scale.scale != [1.0, 2.0])


# Saving.


@pytest.mark.parametrize(
    "kind, trainable", [("subclassed", True), ("functional", False)]
)
def test_a_model_with_a_flow_is_saved_and_loaded(kind, trainable, tmp_path):
    model = MODELS[kind](FlowLayer(drawn(conditional()), trainable=trainable))
    fit(model, epochs=1)
    expected = model.predict([C, X], verbose=0)
    model.save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras", custom_objects={"nll": nll})
    np.testing.assert_allclose(copy.predict([C, X], verbose=0), expected, rtol=1e-5)
    assert len(copy.trainable_weights) == len(model.trainable_weights)
    model.save_weights(tmp_path / "w.weights.h5")
    other = MODELS[kind](FlowLayer(conditional(), trainable=trainable))
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_allclose(other.predict([C, X], verbose=0), expected, rtol=1e-5)


# What it gives.


def test_a_distribution_gives_log_probabilities_and_samples():
    flow = flows.real_nvp(2, **SMALL)
    layer = FlowLayer(flow)
    assert layer.flow is flow and layer.name == "real_nvp"
    np.testing.assert_allclose(layer(X), flow.log_prob(X), rtol=1e-6)
    np.testing.assert_allclose(layer.log_prob(X), flow.log_prob(X), rtol=1e-6)
    assert layer.sample(5).shape == [5, 2]
    np.testing.assert_array_equal(layer.sample(5, seed=1), layer.sample(5, seed=1))
    context = FlowLayer(conditional())
    assert context(X, C).shape == [64]
    assert context.sample(5, C[:4], seed=0).shape == [5, 4, 2]
    with pytest.raises(TypeError, match="holds a distribution, which has no inverse"):
        layer.inverse(X)
    with pytest.raises(ValueError, match="but got none"):
        context(X)
    with pytest.raises(ValueError, match="takes no context"):
        layer(X, C)


def test_a_bijector_gives_mapped_points_and_is_trained():
    layer = FlowLayer(bijectors.Affine.trainable(2))
    np.testing.assert_allclose(layer.inverse(layer(X)), X, rtol=1e-5)
    np.testing.assert_array_equal(layer(X), layer.forward(X))
    model = keras.Sequential([keras.Input([2]), layer])
    model.compile(keras.optimizers.Adam(0.1), loss="mse", run_eagerly=True)
    losses = model.fit(X, 3.0 * X + 1.0, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    with pytest.raises(TypeError, match="holds a bijector, which has no sample"):
        layer.sample(3)


def test_a_bijector_takes_a_context():
    layer = FlowLayer(drawn(conditional()).distribution.bijector)
    y = layer(X, C)
    assert np.abs(y - layer(X, -C)).max() > 1e-3
    np.testing.assert_allclose(layer.inverse(y, C), X, rtol=1e-4, atol=1e-5)


def test_float64():
    layer = FlowLayer(conditional(dtype="float64"))
    assert layer.dtype == "float64"
    model = subclassed(layer)
    losses = fit(model)
    assert losses[1] < losses[0]
    assert model.predict([C, X], verbose=0).dtype == np.float64


def test_two_layers_of_one_flow_share_each_weight():
    """Else the optimizer would take two steps at once."""
    chain = tfb.Chain([bijectors.Affine.trainable(2), bijectors.Planar.trainable(2)])
    flow = tfd.TransformedDistribution(StandardNormal(2), chain)
    x = keras.Input([2])
    model = keras.Model(x, FlowLayer(flow, name="a")(x) + FlowLayer(flow, name="b")(x))
    assert len(model.weights) == len(flow.trainable_variables)


def test_a_frozen_layer_runs_as_in_inference():
    """Running statistics stay, and layers after it are still in training."""
    network = keras.Sequential(
        [keras.Input([1]), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    coupling = bijectors.Coupling(network, bijectors.Affine.spec(), [True, False])
    flow = tfd.TransformedDistribution(StandardNormal(2), coupling)
    x = keras.Input([2])
    log_prob = FlowLayer(flow, trainable=False)(x)
    after = keras.layers.BatchNormalization()
    model = keras.Model(x, after(log_prob[:, None]))
    model.compile("adam", loss="mse", run_eagerly=True)
    before = network.layers[0].moving_mean.numpy()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(before, network.layers[0].moving_mean)
    assert np.all(after.moving_mean != 0.0)


MISTAKES = {
    "no flow": (lambda: FlowLayer(3), TypeError, "but got 3"),
    "another dtype": (
        lambda: FlowLayer(conditional(), dtype="float64"),
        TypeError,
        "'maf' is float32, but got dtype='float64'",
    ),
    "a dtype policy": (
        lambda: FlowLayer(conditional(), dtype="mixed_bfloat16"),
        TypeError,
        "'maf' is float32, but got dtype='mixed_bfloat16'",
    ),
    "no dtype": (
        lambda: FlowLayer(conditional(), dtype="silly"),
        TypeError,
        "FlowLayer: dtype must be floating.*'silly'",
    ),
    "a seed of text": (
        lambda: FlowLayer(flows.linear(2)).sample(2, seed="a"),
        ValueError,
        "'linear'.sample: seed must be None, an integer.*but got 'a'",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(mistake):
    call, error, message = mistake
    with pytest.raises(error, match=message):
        call()


def test_it_is_public():
    assert tfp_flows.FlowLayer is FlowLayer


def test_a_train_step_that_autograph_converts_is_watched():
    class Converted(keras.Model):
        def __init__(self):
            super().__init__()
            self.flow = flows.linear(2)

        @tf.function
        def train_step(self, data):
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(self.flow.log_prob(data))
            tape.gradient(loss, self.flow.trainable_variables)
            return {"loss": loss}

    model = Converted()
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match=r"FlowLayer\(flow\)"):
        model.fit(X, verbose=0)


def test_a_function_named_train_step_is_nobodys_step():
    encoder, flow = keras.Sequential([keras.layers.Dense(3)]), conditional()

    def train_step(encoder, x):
        return flow(encoder(C)).log_prob(x)

    assert train_step(encoder, X).shape == [64]


@pytest.mark.parametrize("how", ["argument", "attribute"])
def test_a_frozen_layer_is_frozen_when_it_is_made_anew(how):
    layer = FlowLayer(flows.linear(2), trainable=how != "argument")
    layer.trainable = False
    copy = FlowLayer.from_config(layer.get_config())
    assert not copy.trainable_weights and len(copy.weights) == len(layer.weights)


def test_a_frozen_layer_can_be_trained_later():
    flow = drawn(conditional())
    model = subclassed(FlowLayer(flow, trainable=False))
    assert not model.flow.trainable
    fit(model, epochs=1)
    model.flow.trainable = True
    before = [v.numpy() for v in flow.trainable_variables]
    fit(model, epochs=1)
    for old, new in zip(before, flow.trainable_variables, strict=True):
        assert np.any(old != new.numpy())
    assert len(model.weights) == len(model.trainable_weights) == 2 + len(before)
    assert model.flow.get_config()["trainable"]


def test_a_bijector_without_a_context_refuses_one():
    layer = FlowLayer(bijectors.Planar.trainable(2, seed=0))
    with pytest.raises(ValueError, match="takes no context"):
        layer(X, C)


def test_numpys_integers_are_seeds():
    layer = FlowLayer(flows.linear(2))
    draws = [layer.sample(2, seed=seed) for seed in (3, np.int64(3))]
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize("frozen", ["as it was made", "by Keras", "once again"])
def test_a_frozen_layer_comes_back(frozen, tmp_path):
    layer = FlowLayer(drawn(flows.maf(2, **SMALL)), trainable=frozen == "by Keras")
    x = keras.Input([2])
    model = keras.Model(x, layer(x))
    if frozen == "once again":
        layer.trainable = True
    model.trainable = False
    model.save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras")
    assert not copy.trainable_weights
    np.testing.assert_array_equal(copy(X), model(X))
    copy.trainable = True
    assert len(copy.trainable_weights) == 4


@pytest.mark.parametrize("name", ["real_nvp", "maf", "bnaf"])
def test_stateless_call_has_values_and_gradients_of_the_weights_it_is_given(name):
    """Also where a gradient reads them later, as of a sequential inversion."""
    options = {"num_layers": 1, "dtype": "float64", "seed": 0}
    layer = FlowLayer(drawn(getattr(flows, name)(2, **options)).bijector)
    x = tf.constant(X[:4], tf.float64)
    given = [tf.identity(v.value) * 0.5 for v in layer.trainable_variables]
    others = [v.value for v in layer.non_trainable_variables]

    def stateless():
        with tf.GradientTape() as tape:
            tape.watch(given)
            total = tf.reduce_sum(layer.stateless_call(given, others, x)[0] ** 2)
        return total, *tape.gradient(total, given)

    found = [*stateless(), *tf.function(stateless, autograph=False)()]
    for variable, value in zip(layer.trainable_variables, given, strict=True):
        variable.assign(value)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(x) ** 2)
    storages = [v.value for v in layer.trainable_variables]
    expected = [total, *tape.gradient(total, storages)]
    for a, b in zip(found, 2 * expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_the_dtype_of_a_chain_is_that_of_its_parts_whatever_seeds_they_have():
    dropout = keras.layers.Dropout(0.5, dtype="float64")  # Its seeds are integers.
    network = conditioners.MLP([4], activation=dropout, dtype="float64")
    coupling = bijectors.Coupling(network, bijectors.Affine.spec(), [True, False])
    layer = FlowLayer(bijectors.Chain([coupling, tfb.Permute([1, 0])]))
    assert layer(X.astype("float64")).dtype == tf.float64
