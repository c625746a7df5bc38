"""`FlowModel`: what it trains, what it computes, what it refuses at construction."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import FlowModel, KerasModule


def normal(dtype="float32"):
    return tfd.MultivariateNormalDiag(tf.zeros(2, dtype))


def dense(units=2, inputs=1, **options):
    layer = keras.layers.Dense(units, kernel_initializer="zeros", **options)
    layer.build((None, inputs))
    return layer


class ShiftByNetwork(tfb.Bijector):
    """A user's own bijector: y = x + net(1)."""

    def __init__(self, net, name="shift_by_network"):
        parameters = dict(locals())
        self.net = net
        super().__init__(
            forward_min_event_ndims=1,
            is_constant_jacobian=True,
            parameters=parameters,
            name=name,
        )

    def _forward(self, x):
        return x + self.net(tf.ones([1, 1]))[0]

    def _inverse(self, y):
        return y - self.net(tf.ones([1, 1]))[0]

    def _forward_log_det_jacobian(self, x):
        return tf.zeros([], x.dtype)


def tfp_chain():
    chain = tfb.Chain(
        [tfb.Shift(tf.Variable([0.0, 0.0])), tfb.Scale(tf.Variable([1.0, 1.0]))]
    )
    return tfd.TransformedDistribution(normal(), chain)


def tfp_real_nvp():
    template = tfp_flows.conditioners.real_nvp_template(2, 1, [4], seed=0)
    real_nvp = tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=template)
    return tfd.TransformedDistribution(normal(), real_nvp)


def tfp_maf():
    network = tfb.AutoregressiveNetwork(params=2, hidden_units=[4], event_shape=[2])
    network.build((None, 2))
    return tfd.TransformedDistribution(
        normal(), tfb.MaskedAutoregressiveFlow(shift_and_log_scale_fn=network)
    )


def scalar_normal():
    scale = tfp.util.TransformedVariable(1.0, tfb.Exp())
    return tfd.Normal(tf.Variable(0.0), scale)


def mixture():
    return tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.Variable([0.0, 0.1])),
        tfd.MultivariateNormalDiag(tf.Variable([[0.0, 1.0], [2.0, 3.0]])),
    )


def holds_keras_layer():
    return tfd.TransformedDistribution(normal(), ShiftByNetwork(dense()))


def holds_keras_module():
    return tfd.TransformedDistribution(normal(), ShiftByNetwork(KerasModule(dense())))


def our_flow():
    return tfp_flows.flows.real_nvp(2, num_layers=2, hidden_units=[4], seed=0)


ANY_DISTRIBUTION = [
    tfp_chain,
    tfp_real_nvp,
    tfp_maf,
    scalar_normal,
    mixture,
    holds_keras_layer,
    holds_keras_module,
    our_flow,
]


@pytest.mark.parametrize("make", ANY_DISTRIBUTION)
def test_fit_trains_every_weight_of_any_distribution(make, x, make_model):
    distribution = make()
    data = x if distribution.event_shape.rank else x[:, 0]
    model = make_model(distribution)
    start = model.get_weights()
    before = model.evaluate(data, verbose=0)
    # Zero last layers block the gradient of the layers before them for one step.
    model.fit(data, epochs=2, verbose=0)
    assert model.evaluate(data, verbose=0) < before - 0.1
    for old, weight in zip(start, model.weights, strict=True):
        assert np.any(old != weight.numpy()), weight.path
    seen = {id(v) for v in distribution.trainable_variables}
    tracked = {id(w.value) for w in model.trainable_weights}
    assert seen <= tracked


def test_fit_compiles_with_xla_and_agrees_with_eager(x, make_model):
    def small_flow():
        return tfp_flows.flows.real_nvp(2, num_layers=1, hidden_units=[4], seed=0)

    compiled = FlowModel(small_flow())
    assert compiled.jit_compile
    compiled.compile(keras.optimizers.Adam(0.05))
    assert compiled.jit_compile
    eager = make_model(small_flow())
    assert not eager.jit_compile
    for model in (compiled, eager):
        model.fit(x, epochs=2, verbose=0)
    for a, b in zip(compiled.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_fit_can_be_called_again_without_compiling_again(x):
    model = FlowModel(tfp_chain())
    model.compile(jit_compile=False)
    model.fit(x, verbose=0)
    step = model.train_function
    model.fit(x, verbose=0)
    assert model.train_function is step
    assert int(model.optimizer.iterations) == 4  # 64 rows are two batches of 32.


def test_first_step_is_the_gradient_step(x, make_model):
    model = make_model(tfp_chain())
    variables = model.distribution.trainable_variables
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(model.distribution.log_prob(x))
    gradients = tape.gradient(loss, variables)
    expected = [v - 0.1 * g for v, g in zip(variables, gradients, strict=True)]
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    model.fit(x, batch_size=64, verbose=0)
    for v, e in zip(variables, expected, strict=True):
        np.testing.assert_allclose(v, e, rtol=1e-4)


def test_evaluate_and_predict_are_log_probabilities_in_nats(x, make_model):
    model = make_model(tfp_chain())
    model.distribution.bijector.bijectors[0].shift.assign([1.0, -1.0])
    exact = -np.log(2 * np.pi) - 0.5 * ((x - [1.0, -1.0]) ** 2).sum(axis=1)
    for batch_size in (None, 7, 64):
        predicted = model.predict(x, batch_size=batch_size, verbose=0)
        np.testing.assert_allclose(predicted, exact, rtol=1e-5)
        value = model.evaluate(x, batch_size=batch_size, verbose=0)
        assert value == pytest.approx(-exact.mean(), rel=1e-5)
    np.testing.assert_allclose(model(x[:5]), exact[:5], rtol=1e-5)


def test_history_holds_the_loss_in_nats(x, make_model):
    model = make_model(tfp_chain())
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    history = model.fit(x, batch_size=24, validation_data=x[:5], verbose=0).history
    exact = -model.distribution.log_prob(x)
    assert history["loss"] == [pytest.approx(float(tf.reduce_mean(exact)), rel=1e-5)]
    validation = float(tf.reduce_mean(exact[:5]))
    assert history["val_loss"] == [pytest.approx(validation, rel=1e-5)]


def test_sample(make_model):
    model = make_model()
    a, b = model.sample(3, seed=1), model.sample(3, seed=1)
    assert a.shape == (3, 2)
    np.testing.assert_array_equal(a, b)
    assert np.any(model.sample(3, seed=2) != a)
    np.testing.assert_array_equal(model.sample(3, seed=[0, 1]), a)
    for seed in (1.5, "a"):
        with pytest.raises(ValueError, match="sample: seed must be"):
            model.sample(3, seed=seed)
    assert np.any(model.sample(3).numpy() != model.sample(3).numpy())


def test_float64_stays_float64(make_affine, make_model):
    x = np.array([[1.0 + 1e-12, 2.0], [3.0, 4.0]])
    model = make_model(make_affine("float64"))
    model.distribution.bijector.shift.assign([1.0, 2.0])
    predicted = model.predict(x, verbose=0)
    assert predicted.dtype == np.float64
    # −log 2π − ½‖x − shift‖², where float32 has only seven digits.
    exact = -np.log(2 * np.pi) - 0.5 * ((x - [1.0, 2.0]) ** 2).sum(axis=1)
    np.testing.assert_allclose(predicted, exact, rtol=1e-15)
    stream = tf.data.Dataset.from_tensor_slices(x).batch(2)
    np.testing.assert_array_equal(model.predict(stream, verbose=0), predicted)
    model.fit(x, verbose=0)
    assert {w.dtype for w in model.weights} == {"float64"}


@pytest.mark.parametrize("dtype", ["float64", "int64", "uint8", "float16"])
def test_other_numbers_are_cast(dtype, make_model):
    x = np.array([[1, 2], [3, 4], [5, 6]])
    model = make_model()
    expected = model.predict(x.astype("float32"), verbose=0)
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(model.predict(x.astype(dtype), verbose=0), expected)
    np.testing.assert_array_equal(model.predict(x.tolist(), verbose=0), expected)


def test_discrete_data(make_model):
    model = make_model(tfd.Categorical(logits=tf.Variable([0.0, 0.0, 0.0])))
    counts = np.array([0, 2, 2, 2])
    model.fit(counts, epochs=20, sample_weight=[0.5] * 4, verbose=0)
    probs = model.distribution.probs_parameter()
    assert probs[2] > probs[0] > probs[1]
    with pytest.raises(ValueError, match=r"row 1 is 0\.5"):
        model.fit([1.0, 0.5], verbose=0)


# Each storage is one weight.


def test_a_variable_of_two_bijectors_is_one_weight(x, make_model):
    shift = tf.Variable([0.0, 0.0])
    net = dense()
    chain = [
        tfb.Shift(shift),
        ShiftByNetwork(net),
        tfb.Shift(shift),
        ShiftByNetwork(KerasModule(net)),
        ShiftByNetwork(KerasModule(net)),
    ]
    flow = tfd.TransformedDistribution(normal(), tfb.Chain(chain))
    model = make_model(flow)
    assert len(model.weights) == 3
    assert len({id(w.value) for w in model.weights}) == 3
    # The gradient of a shift used twice is twice that of one; SGD moves it once.
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    model.fit(x, batch_size=64, verbose=0)
    np.testing.assert_allclose(shift, 0.1 * 2 * x.mean(axis=0), rtol=1e-4)


def test_a_layer_shared_by_two_couplings_is_trained_once(x, make_model):
    net = tfp_flows.conditioners.MLP([4], seed=0)
    spec = tfp_flows.bijectors.Affine.spec()
    masks = ([True, False], [False, True])
    layers = [tfp_flows.bijectors.Coupling(net, spec, mask) for mask in masks]
    flow = tfd.TransformedDistribution(normal(), tfb.Chain(layers))
    model = make_model(flow)
    assert len(model.weights) == 4
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(flow.log_prob(x))
    bias = net.weights[-1]
    expected = -0.1 * tape.gradient(loss, bias.value)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    model.fit(x, batch_size=64, verbose=0)
    np.testing.assert_allclose(bias, expected, rtol=1e-4)


def test_a_layer_that_is_not_trainable_stays(x, make_model):
    frozen = dense()
    frozen.trainable = False
    chain = tfb.Chain([tfb.Shift(tf.Variable([0.0, 0.0])), ShiftByNetwork(frozen)])
    model = make_model(tfd.TransformedDistribution(normal(), chain))
    assert (len(model.trainable_weights), len(model.weights)) == (1, 3)
    model.fit(x, verbose=0)
    assert not np.any(frozen.bias.numpy())


# What layers bring along.


def coupling_flow(*layers):
    net = keras.Sequential([keras.Input((1,)), *layers])
    spec = tfp_flows.bijectors.Affine.spec()
    coupling = tfp_flows.bijectors.Coupling(
        net, spec, [True, False], conditioner_input=None
    )
    return tfd.TransformedDistribution(normal(), coupling)


def test_dropout_acts_in_training_only(x, make_model):
    flow = coupling_flow(
        keras.layers.Dense(20), keras.layers.Dropout(0.5), keras.layers.Dense(2)
    )
    model = make_model(flow)
    assert np.any(model(x, training=True).numpy() != model(x, training=True).numpy())
    predicted = model.predict(x, verbose=0)
    np.testing.assert_array_equal(predicted, model.predict(x, verbose=0))
    np.testing.assert_allclose(predicted, flow.log_prob(x), rtol=1e-5)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    losses = model.fit(x, epochs=2, verbose=0).history["loss"]
    assert losses[0] != losses[1]


def test_batch_normalization_learns_its_statistics(x, make_model):
    norm = keras.layers.BatchNormalization(momentum=0.0)
    model = make_model(coupling_flow(norm, keras.layers.Dense(2)))
    model.fit(x, batch_size=64, verbose=0)
    np.testing.assert_allclose(norm.moving_mean, [x[:, 0].mean()], rtol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, [x[:, 0].var()], rtol=1e-4)


def test_losses_of_layers_are_added(x, make_model):
    layer = keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.5))
    model = make_model(coupling_flow(layer))
    penalty = 0.5 * float(tf.reduce_sum(layer.kernel.value**2))
    nll = -model.predict(x, verbose=0).mean()
    assert model.evaluate(x, verbose=0) == pytest.approx(nll + penalty, rel=1e-5)


def test_a_training_step_calls_the_conditioner_once(x, make_model):
    """Twice means two dropout masks in one density, and statistics updated twice."""
    norm = keras.layers.BatchNormalization(momentum=0.5)
    model = make_model(coupling_flow(norm, keras.layers.Dense(2)))
    model.fit(x, batch_size=64, verbose=0)
    np.testing.assert_allclose(norm.moving_mean, [0.5 * x[:, 0].mean()], rtol=1e-4)


# What it says.


def test_summary_names_each_bijector_with_its_parameters(make_model):
    model = make_model(
        tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag(tf.Variable([0.0, 0.0], name="loc")),
            tfb.Chain(
                [
                    tfb.Shift(tf.Variable([0.0, 0.0]), name="last"),
                    ShiftByNetwork(dense(), name="first"),
                ]
            ),
        )
    )
    printed = []
    model.summary(print_fn=printed.append)
    rows = [line.split() for line in "".join(printed).splitlines()]
    rows = [[cell for cell in row if cell != "│"] for row in rows if "│" in row]
    assert rows[1:] == [
        ["MultivariateNormalDiag", "MultivariateNormalDiag", "2"],
        ["first", "ShiftByNetwork", "4"],
        ["last", "Shift", "2"],
    ]
    assert "Total parameters: 8 (trainable: 8, not trainable: 0)" in "".join(printed)


def test_summary_counts_what_is_shared_once(make_model, capsys):
    shift = tf.Variable([0.0, 0.0])
    chain = tfb.Chain([tfb.Invert(tfb.Shift(shift)), tfb.Shift(shift)])
    make_model(tfd.TransformedDistribution(normal(), chain)).summary()
    printed = capsys.readouterr().out
    assert "Shift⁻¹" in printed
    assert "(2 shared)" in printed
    assert "Total parameters: 2" in printed


# What it refuses.


def hidden_layer(layer):
    def shift(x, units):
        return layer(tf.reshape(x, [-1, 1]))[:, :units], None

    real_nvp = tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=shift)
    return tfd.TransformedDistribution(tfp_chain(), real_nvp)


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}])
def test_a_layer_hidden_in_a_closure_is_an_error(x, options):
    layer = dense(units=1, name="hideaway")
    model = FlowModel(hidden_layer(layer))
    model.compile(**options)
    start = model.get_weights()
    for use in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match=r"hideaway/kernel.*KerasModule"):
            use(x, verbose=0)
    for old, new in zip(start, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: tfb.Scale(2.0), TypeError, "takes a tfd.Distribution.*got Scale"),
        (lambda: tfd.Normal(0.0, 1.0), ValueError, "'Normal' has nothing to train"),
        (
            lambda: tfd.Normal(tf.Variable([0.0, 1.0]), 1.0),
            ValueError,
            r"'Normal' has batch shape \(2,\).*Independent",
        ),
        (
            lambda: tfd.JointDistributionSequential(
                [tfd.Normal(tf.Variable(0.0), 1.0), tfd.Normal(0.0, 1.0)]
            ),
            ValueError,
            "events of 'JointDistributionSequential' are a structure",
        ),
        (
            lambda: tfd.JointDistributionNamed(
                {"a": tfd.Normal(tf.Variable(0.0), 1.0)}
            ),
            ValueError,
            "structure of tensors",
        ),
        (
            lambda: tfd.TransformedDistribution(
                normal(), ShiftByNetwork(keras.layers.Dense(2, name="raw"))
            ),
            ValueError,
            "'raw'.*not built",
        ),
        (
            lambda: tfd.TransformedDistribution(
                tfp_chain(), tfb.Scale(keras.Variable([1.0, 1.0], name="ice"))
            ),
            ValueError,
            "Scale.*'ice'.*froze.*`.value`",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        FlowModel(make())


class ShiftBySlogdet(ShiftByNetwork):
    def _forward_log_det_jacobian(self, x):
        return tf.linalg.slogdet(tf.eye(2) + self.net(tf.ones([1, 1]))[0])[1]


def test_what_xla_cannot_compile_is_named(x):
    flow = tfd.TransformedDistribution(normal(), ShiftBySlogdet(dense()))
    model = FlowModel(flow)
    message = r"jit_compile=False.*LogMatrixDeterminant"
    with pytest.raises(ValueError, match=message):
        model.fit(x, verbose=0)
    model.compile(jit_compile=False)
    model.fit(x, verbose=0)


def test_compile_takes_no_loss_of_targets(make_model):
    with pytest.raises(TypeError, match=r"objective or a function.*'mse'"):
        make_model().compile(loss="mse")
