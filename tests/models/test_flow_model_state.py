"""`FlowModel`: saving, restoring, resuming, callbacks."""

from copy import deepcopy

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfp_flows


def small_flow(seed=0):
    """Holds both kinds of variables, and statistics that are not trained."""
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dense(2)]
    spec = tfp_flows.bijectors.Affine.spec()
    net = keras.Sequential([keras.Input((1,)), *layers])
    coupling = tfp_flows.bijectors.Coupling(net, spec, [True, False])
    base = tfd.MultivariateNormalDiag(tf.Variable([float(seed), 0.0]))
    return tfd.TransformedDistribution(base, coupling)


@pytest.fixture
def make(make_model):
    return lambda seed=0, **options: make_model(small_flow(seed), **options)


def assert_same(a, b):
    assert len(a.weights) == len(b.weights)
    for u, v in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(u.numpy(), v.numpy(), err_msg=u.path)


def assert_differ(a, b):
    pairs = zip(a.get_weights(), b.get_weights(), strict=True)
    assert any(np.any(u != v) for u, v in pairs)


# Resuming.


@pytest.fixture(scope="module")
def four_epochs(x):
    model = tfp_flows.FlowModel(small_flow())
    model.compile(keras.optimizers.Adam(0.05), run_eagerly=True)
    model.fit(x, epochs=4, verbose=0)
    return model


def test_two_and_two_epochs_are_four(x, make, four_epochs):
    model = make()
    model.fit(x, epochs=2, verbose=0)
    model.fit(x, epochs=4, initial_epoch=2, verbose=0)
    assert_same(model, four_epochs)


def test_the_order_of_the_epochs_matters(x, make, four_epochs):
    """So that the test above means something."""
    model = make()
    model.fit(x, epochs=2, verbose=0)
    model.fit(x, epochs=2, verbose=0)
    assert_differ(model, four_epochs)


def test_explicit_steps_change_nothing(x, make, four_epochs):
    model = make()
    model.fit(x, epochs=4, steps_per_epoch=2, verbose=0)
    assert_same(model, four_epochs)


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_resume_from_a_backup(x, make, four_epochs, tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        make().fit(x, epochs=4, callbacks=[backup, Interrupt()], verbose=0)
    resumed = make(seed=1)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    history = resumed.fit(x, epochs=4, callbacks=[backup], verbose=0)
    assert history.epoch == [2, 3]
    assert_same(resumed, four_epochs)


# Saving.


def test_save_weights(x, make, four_epochs, tmp_path):
    path = tmp_path / "flow.weights.h5"
    four_epochs.save_weights(path)
    restored = make(seed=1)
    assert_differ(restored, four_epochs)
    restored.load_weights(path)
    assert_same(restored, four_epochs)
    # The optimizer's state, too: training goes on as if nothing had happened.
    assert int(restored.optimizer.iterations) == int(four_epochs.optimizer.iterations)
    for a, b in zip(
        restored.optimizer.variables, four_epochs.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(
        restored.predict(x, verbose=0), four_epochs.predict(x, verbose=0)
    )


@pytest.mark.parametrize(
    "part",
    [
        lambda model: model,
        lambda model: model.distribution,
        lambda model: model.distribution.bijector,
    ],
    ids=["model", "flow", "bijector"],
)
def test_checkpoint(part, make, four_epochs, tmp_path):
    path = tf.train.Checkpoint(part=part(four_epochs)).save(tmp_path / "checkpoint")
    restored = make(seed=1)
    status = tf.train.Checkpoint(part=part(restored)).restore(path)
    status.assert_existing_objects_matched()
    for a, b in zip(part(restored).variables, part(four_epochs).variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    coupling = restored.distribution.bijector
    assert len(coupling.variables) == 6
    expected = four_epochs.distribution.bijector.forward([[1.0, 2.0]])
    np.testing.assert_array_equal(coupling.forward([[1.0, 2.0]]), expected)


# Callbacks.


def test_early_stopping_restores_the_best_weights(x, make):
    model = make()
    bad = 100.0 + x[:8]  # The better the fit to x, the worse to these, or nearly.
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="max", patience=1, restore_best_weights=True
    )
    history = model.fit(
        x, validation_data=bad, epochs=8, callbacks=[stop], verbose=0
    ).history
    assert len(history["val_loss"]) < 8
    best = max(history["val_loss"])
    assert model.evaluate(bad, verbose=0) == pytest.approx(best, rel=1e-5)
    assert history["val_loss"][-1] != best


def test_model_checkpoint(x, make, tmp_path):
    path = tmp_path / "{epoch}.weights.h5"
    keep = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    model = make()
    # One callback, not in a list, is taken as well.
    model.fit(x, epochs=2, callbacks=keep, verbose=0)
    restored = make(seed=1)
    restored.load_weights(tmp_path / "2.weights.h5")
    assert_same(restored, model)


def test_a_callback_list(x, make):
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda n, logs: seen.append(n))
    model = make()
    callbacks = keras.callbacks.CallbackList([watch], add_history=True, model=model)
    model.fit(x, epochs=2, callbacks=callbacks, verbose=0)
    assert seen == [0, 1]


def test_several_steps_an_execution(x, make_model, make_affine):
    models = []
    for steps in (1, 3):
        model = make_model(run_eagerly=False, steps_per_execution=steps)
        model.fit(x, batch_size=16, epochs=2, verbose=0)
        models.append(model)
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("context_size", [None, 3])
def test_a_copy_of_a_flow_is_trained_alone(context_size, x):
    options = {"num_layers": 1, "hidden_units": [4], "seed": 0}
    flow = tfp_flows.flows.maf(2, context_size=context_size, **options)
    copy = tfp_flows.FlowModel(deepcopy(flow))
    assert copy.count_params() == tfp_flows.FlowModel(flow).count_params()
    before = [v.numpy() for v in flow.trainable_variables]
    copy.compile("adam", run_eagerly=True)
    copy.fit(*((x,) if context_size is None else (np.ones([64, 3]), x)), verbose=0)
    pairs = zip(before, copy.family.trainable_variables, strict=True)
    assert any(np.any(old != new.numpy()) for old, new in pairs)
    for old, new in zip(before, flow.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new)
