"""Objectives: what `FlowModel.fit` minimises, with and without data, saved along."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import objectives
from tfp_flows.bijectors import Affine
from tfp_flows.models import execution
from tfp_flows.objectives import MaximumLikelihood, Objective
from tfp_flows.testing import OBJECTIVE_EXAMPLES

X = np.random.default_rng(0).normal(2.0, 1.5, size=[64, 2]).astype("float32")
C = np.random.default_rng(1).normal(size=[64, 3]).astype("float32")


@keras.saving.register_keras_serializable(package="test_objectives")
class ReverseKL(Objective):
    """From the flow to a Gaussian, by reparameterised samples; it needs no data."""

    def __init__(self, loc, num_samples=32):
        self.loc = loc
        self.num_samples = num_samples

    def batch_spec(self, family, encoder):
        return None

    def per_row(self, family, batch, *, training):
        assert batch.x is None and batch.weights is None
        x, log_q = family().experimental_sample_and_log_prob(
            self.num_samples, seed=[0, 1]
        )
        target = tfd.MultivariateNormalDiag(tf.constant(self.loc))
        return log_q - target.log_prob(tf.identity(x))

    def get_config(self):
        return {"loc": self.loc, "num_samples": self.num_samples}


@keras.saving.register_keras_serializable(package="test_objectives")
class Constrained(Objective):
    """The NLL where the mean of the samples is 0, by a multiplier."""

    def __init__(self, rate):
        self.rate = rate
        self.multiplier = tf.Variable([0.0, 0.0], trainable=False)
        self.variables = [self.multiplier]

    def per_row(self, family, batch, *, training):
        nll = -family(batch.context).log_prob(batch.x)
        return nll + tf.reduce_sum(self.multiplier * self.violation(family))

    def violation(self, family):
        return tf.reduce_mean(family().sample(64, seed=[0, 1]), axis=0)

    def callbacks(self):
        def ascend(epoch, logs):
            self.multiplier.assign_add(self.rate * self.violation(self.family))

        return [keras.callbacks.LambdaCallback(on_epoch_end=ascend)]

    def get_config(self):
        return {"rate": self.rate}


@keras.saving.register_keras_serializable(package="test_objectives")
def squared(family, batch, *, training):
    return tf.square(family(batch.context).log_prob(batch.x))


def make(loss=None, *, context_size=None, encoder=None, learning_rate=0.1, **options):
    if context_size is None:
        base = tfd.MultivariateNormalDiag(tf.zeros(2))
        flow = tfd.TransformedDistribution(base, Affine.trainable(2))
    else:
        flow = tfp_flows.flows.linear(2, context_size=context_size, seed=0)
    model = tfp_flows.FlowModel(flow, encoder=encoder)
    options = {"run_eagerly": True} | options
    model.compile(keras.optimizers.Adam(learning_rate), loss=loss, **options)
    if isinstance(loss, Constrained):
        loss.family = model.family
    return model


def saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "m.keras")
    return keras.models.load_model(tmp_path / "m.keras")


# Every objective of the package.


def test_each_objective_has_an_example():
    kinds = {
        name
        for name in objectives.__all__
        if isinstance(kind := getattr(objectives, name), type)
        and issubclass(kind, Objective)
    }
    assert kinds - {"Objective"} == set(OBJECTIVE_EXAMPLES)


@pytest.mark.parametrize("name", OBJECTIVE_EXAMPLES)
def test_an_objective_trains_and_is_saved(name, tmp_path):
    model = make(OBJECTIVE_EXAMPLES[name](), context_size=3, learning_rate=0.01)
    batch = objectives.Batch(tf.constant(X), tf.constant(C))
    with tf.GradientTape() as tape:
        values = model.objective.per_row(model.family, batch, training=True)
    assert values.shape == [64] and np.all(np.isfinite(values))
    gradients = tape.gradient(values, model.family.trainable_variables)
    assert all(g is not None and np.all(np.isfinite(g)) for g in gradients)
    losses = model.fit(C, X, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]
    copy = saved_and_loaded(model, tmp_path)
    assert type(copy.objective) is type(model.objective)
    assert copy.evaluate(C, X, verbose=0) == model.evaluate(C, X, verbose=0)


# Without data.


def test_an_objective_without_data(tmp_path):
    model = make(ReverseKL([1.0, -1.0]), run_eagerly=False)
    chosen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: chosen.append(model.steps_per_execution)
    )
    losses = model.fit(
        steps_per_epoch=20, epochs=2, callbacks=[watch], verbose=0
    ).history["loss"]
    assert losses[-1] < min(0.1, losses[0])
    assert int(model.optimizer.iterations) == 40
    assert chosen == [execution.DEFAULT_STEPS] * 2
    np.testing.assert_allclose(model.distribution.bijector.shift, [1, -1], atol=0.5)
    assert model.evaluate(steps=2, verbose=0) < 0.1
    before = [v.numpy() for v in model.trainable_weights]
    model.train_on_batch()
    assert np.any(before[0] != model.trainable_weights[0].numpy())
    assert model.predict(X, verbose=0).shape == (64,)
    copy = saved_and_loaded(model, tmp_path)
    assert copy.objective.loc == [1.0, -1.0]
    assert copy.evaluate(steps=2, verbose=0) == model.evaluate(steps=2, verbose=0)


NO_DATA = {
    "data": (lambda m: m.fit(X), ValueError, "x: the objective needs no data"),
    "held-out data": (
        lambda m: m.fit(steps_per_epoch=1, validation_data=X),
        ValueError,
        "validation_data: the objective needs no data",
    ),
    "no number of steps": (lambda m: m.fit(), ValueError, "steps_per_epoch"),
    "no number of steps to evaluate": (
        lambda m: m.evaluate(),
        ValueError,
        r"evaluate\(steps",
    ),
    "no steps": (lambda m: m.fit(steps_per_epoch=0), ValueError, "1 or more.*0"),
    "metrics": (
        lambda m: m.compile(loss=m.objective, metrics=["nats"]),
        ValueError,
        "ReverseKL needs no data: compile without",
    ),
}


@pytest.mark.parametrize("mistake", NO_DATA.values(), ids=NO_DATA)
def test_mistakes_without_data(mistake):
    call, error, message = mistake
    with pytest.raises(error, match=f"(?s){message}"):
        call(make(ReverseKL([0.0, 0.0])))


def test_the_default_needs_data():
    with pytest.raises(TypeError, match=r"None: call fit\(x\)\. .*steps alone"):
        make().fit(steps_per_epoch=3)
    with pytest.raises(TypeError, match=r"None: call fit\(context, x\)"):
        make(context_size=3).fit(steps_per_epoch=3)


# Variables and callbacks.


def test_a_multiplier_is_moved_by_its_callback_and_saved(tmp_path):
    """A run in two halves, the second by a loaded model, is one without a stop."""
    whole = make(Constrained(0.5))
    whole.fit(X, epochs=4, verbose=0)
    first = make(Constrained(0.5))
    first.fit(X, epochs=2, verbose=0)
    assert np.all(first.objective.multiplier != 0.0)
    second = saved_and_loaded(first, tmp_path)
    second.objective.family = second.family
    np.testing.assert_array_equal(
        second.objective.multiplier, first.objective.multiplier
    )
    second.fit(X, epochs=4, initial_epoch=second.epoch, verbose=0)
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(
        whole.objective.multiplier, second.objective.multiplier
    )
    plain = make()
    plain.fit(X, epochs=4, verbose=0)
    assert np.any(plain.get_weights()[0] != whole.get_weights()[0])


def test_weights_go_to_a_model_of_another_objective(tmp_path):
    model, plain = make(Constrained(0.5)), make()
    model.fit(X, epochs=1, verbose=0)
    for a, b in ((model, plain), (plain, model)):
        a.save_weights(tmp_path / "w.weights.h5")
        b.load_weights(tmp_path / "w.weights.h5")
        for old, new in zip(a.get_weights(), b.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


# Functions.


def test_a_function_is_a_loss(tmp_path):
    model = make(squared)
    losses = model.fit(X, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    copy = saved_and_loaded(model, tmp_path)
    assert copy.objective.function is squared
    assert copy.evaluate(X, verbose=0) == model.evaluate(X, verbose=0)


def test_a_lambda_trains_but_is_not_saved(tmp_path):
    model = make(lambda family, batch, training: -family().log_prob(batch.x))
    model.fit(X, verbose=0)
    with pytest.raises(ValueError, match=r"(?s)lambda.*register_keras_serializable"):
        model.save(tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


def test_a_class_that_is_not_registered_is_not_saved(tmp_path):
    class Local(MaximumLikelihood):
        pass

    model = make(Local())
    with pytest.raises(ValueError, match=r"(?s)cannot be saved.*Local"):
        model.save(tmp_path / "m.keras")


def test_a_function_without_training():
    a, b = make(), make(lambda family, batch: -family().log_prob(batch.x))
    assert b.evaluate(X, verbose=0) == a.evaluate(X, verbose=0)
    b.fit(X, verbose=0)


def test_a_loss_in_the_way_of_keras():
    def mse(y_true, y_pred, sample_weight):
        return y_pred

    with pytest.raises(TypeError, match=r"mse.*of \(y_true, y_pred, sample_weight\)"):
        make(mse)


@pytest.mark.parametrize("loss", ["mse", 3, MaximumLikelihood])
def test_what_is_no_objective(loss):
    with pytest.raises(TypeError, match=r"objective or a function.*but got"):
        make(loss)


# What an objective is given, and what becomes of its numbers.


def test_rows_are_weighted_and_averaged():
    weights = np.random.default_rng(2).uniform(size=64).astype("float32")
    model = make(squared)
    values = np.square(model.predict(X, verbose=0))
    loss = model.evaluate(X, sample_weight=weights, verbose=0)
    expected = np.average(values, weights=weights)  # A row of weight 2 is two rows.
    assert loss == pytest.approx(expected, rel=1e-5)
    log = model.fit(
        X, validation_data=(X[:10], None, weights[:10]), batch_size=64, verbose=0
    ).history
    assert log["loss"][0] == pytest.approx(values.mean(), rel=1e-5)


def test_metrics_are_those_of_the_density_whatever_is_minimised():
    model = make(squared, metrics=["nats"])
    loss, nats = model.evaluate(X, verbose=0)
    nll = -model.predict(X, verbose=0)
    assert nats == pytest.approx(nll.mean(), rel=1e-5)
    assert loss == pytest.approx(np.square(nll).mean(), rel=1e-5)


def test_the_context_has_passed_the_encoder():
    seen = []

    def watch(family, batch, *, training):
        seen.append((batch.context.shape, training))
        return -family(batch.context).log_prob(batch.x)

    encoder = keras.Sequential([keras.Input([1]), keras.layers.Dense(3)])
    model = make(watch, context_size=3, encoder=encoder)
    before = encoder.get_weights()[0]
    held_out = (C[:5, :1], X[:5])
    model.fit(C[:, :1], X, batch_size=64, epochs=2, validation_data=held_out, verbose=0)
    assert seen == [((64, 3), True), ((5, 3), False)] * 2
    assert np.any(before != encoder.get_weights()[0])


def test_an_objective_that_asks_for_no_context():
    """Its spec decides what a batch must have, not the family."""

    class Marginal(MaximumLikelihood):
        def batch_spec(self, family, encoder):
            return super().batch_spec(family, encoder)._replace(has_context=False)

        def per_row(self, family, batch, *, training):
            assert batch.context is None
            zeros = tf.zeros([tf.shape(batch.x)[0], family.context_size])
            return -family(zeros).log_prob(batch.x)

    make(Marginal(), context_size=3).fit(X, verbose=0)


@pytest.mark.parametrize("shape", ["[N, 1]", "a number"])
def test_an_objective_that_gives_no_number_for_each_row(shape):
    def loss(family, batch, *, training):
        values = -family(batch.context).log_prob(batch.x)
        return values[:, tf.newaxis] if shape == "[N, 1]" else tf.reduce_mean(values)

    model = tfp_flows.FlowModel(tfp_flows.flows.linear(2))
    model.compile("sgd", loss=loss)
    with pytest.raises(ValueError, match="a number for each row"):
        model.evaluate(np.zeros([4, 2]), sample_weight=np.ones(4), verbose=0)


def test_a_loss_of_keras_is_refused():
    with pytest.raises(TypeError, match="no targets for a Keras loss"):
        tfp_flows.FlowModel(tfp_flows.flows.linear(2)).compile(
            loss=keras.losses.MeanSquaredError()
        )
