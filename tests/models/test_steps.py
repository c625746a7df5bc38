"""Several steps at once: what is trained and logged, and who sees each batch."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows.models import data, execution
from tfp_flows.objectives import Batch

NUM_BATCHES = 13  # 50 rows in fours: once 8 at once, then 5, the last of 2 rows.


@pytest.fixture
def rows(x):
    return x[:50]


@pytest.fixture
def make(make_model):
    return lambda **options: make_model(
        **{"run_eagerly": False, "jit_compile": False, **options}
    )


def fit(model, rows, *callbacks, **options):
    """Two epochs; the steps at once of each."""
    chosen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: chosen.append(model.steps_per_execution)
    )
    options = {"batch_size": 4, "epochs": 2, "verbose": 0} | options
    model.fit(rows, callbacks=[watch, [*callbacks]], **options)
    return chosen


@pytest.mark.parametrize("batch_size", [4, 5, 50, 64])
def test_weights_are_those_of_a_python_loop(batch_size, rows, make):
    model, by_hand = make(jit_compile="auto"), make()
    assert model.jit_compile
    assert fit(model, rows, batch_size=batch_size) == [execution.DEFAULT_STEPS] * 2
    step = tf.function(by_hand.train_step)
    for epoch in range(2):
        batches = data.row_batches(Batch(rows), batch_size, shuffle_seed=(0, epoch))
        for batch in batches:
            step(batch)
    assert int(model.optimizer.iterations) == int(by_hand.optimizer.iterations)
    for a, b in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("number", ["auto", 1, 3, 20])
def test_losses_of_an_epoch_are_means_over_all_rows(number, rows, make):
    model = make(steps_per_execution=number)
    model.compile(keras.optimizers.SGD(0.0), steps_per_execution=number)
    options = {"batch_size": 4, "epochs": 2, "verbose": 0}
    history = model.fit(rows, validation_data=rows[:10], **options).history
    nll = -model.predict(rows, verbose=0)
    assert history["loss"] == pytest.approx([nll.mean()] * 2, rel=1e-5)
    assert history["val_loss"] == pytest.approx([nll[:10].mean()] * 2, rel=1e-5)
    value = model.evaluate(rows, batch_size=4, verbose=0)
    assert value == pytest.approx(nll.mean(), rel=1e-5)


class OldHooks(keras.callbacks.Callback):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_batch_end(self, batch, logs=None):
        self.seen.append(batch)


def in_lambda(hook):
    return lambda seen: keras.callbacks.LambdaCallback(
        **{hook: lambda batch, logs: seen.append(batch)}
    )


ON_BATCHES = {
    "begin": in_lambda("on_train_batch_begin"),
    "end": in_lambda("on_train_batch_end"),
    "old": OldHooks,
}


@pytest.mark.parametrize("name", ON_BATCHES)
def test_a_callback_on_batches_is_called_at_each(name, rows, make):
    seen = []
    assert fit(make(), rows, ON_BATCHES[name](seen)) == [1, 1]
    assert seen == [*range(NUM_BATCHES)] * 2


def test_a_callback_on_batches_of_held_out_rows(rows, make):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            seen.append(batch)

    fit(make(), rows, Watch(), validation_data=rows)
    assert seen == [*range(NUM_BATCHES)] * 2
    seen.clear()
    make().evaluate(rows, batch_size=4, callbacks=[Watch()], verbose=0)
    assert seen == [*range(NUM_BATCHES)]


def test_saving_every_few_batches(rows, make, tmp_path):
    path = tmp_path / "{epoch}-{batch}.weights.h5"
    save = keras.callbacks.ModelCheckpoint(path, save_weights_only=True, save_freq=6)
    assert fit(make(), rows, save) == [1, 1]
    saved = sorted(file.name.split(".")[0] for file in tmp_path.iterdir())
    assert saved == ["1-12", "1-6", "2-11", "2-5"]


def test_callbacks_on_epochs_are_no_hindrance(rows, make, tmp_path):
    path = tmp_path / "{epoch}.weights.h5"
    callbacks = [
        keras.callbacks.ModelCheckpoint(path, save_weights_only=True),
        keras.callbacks.BackupAndRestore(tmp_path / "backup"),
        keras.callbacks.EarlyStopping(monitor="loss", patience=5),
        keras.callbacks.ReduceLROnPlateau(monitor="loss"),
        tfp_flows.visualization.TrainingGIF(tmp_path / "film.gif", rows),
    ]
    assert fit(make(), rows, *callbacks) == [execution.DEFAULT_STEPS] * 2
    assert {"1.weights.h5", "2.weights.h5"} <= {p.name for p in tmp_path.iterdir()}


def test_a_subclass_of_a_saving_callback_may_act_on_batches(rows, make, tmp_path):
    seen = []

    class Watch(keras.callbacks.ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    watch = Watch(tmp_path / "last.weights.h5", save_weights_only=True)
    model = make()
    callbacks = keras.callbacks.CallbackList([watch], add_history=True, model=model)
    model.fit(rows, batch_size=4, callbacks=callbacks, verbose=0)
    assert seen == [*range(NUM_BATCHES)]


def test_a_number_given_is_used(rows, make):
    seen = []
    callback = ON_BATCHES["end"](seen)
    assert fit(make(steps_per_execution=5), rows, callback) == [5, 5]
    assert seen == [4, 9, 14] * 2


def test_a_number_of_steps_is_not_overrun(rows, make):
    model = make()
    endless = tf.data.Dataset.from_tensor_slices(rows).batch(4).repeat()
    model.compile(keras.optimizers.SGD(0.0))
    limits = {"steps_per_epoch": 5, "validation_steps": 3}
    chosen = fit(model, rows, validation_data=endless, **limits)
    assert chosen == [1, 1]
    assert int(model.optimizer.iterations) == 10
    exact = -model.predict(rows[:12], verbose=0).mean()
    assert model.history.history["val_loss"] == pytest.approx([exact] * 2)
    assert model.evaluate(endless, steps=3, verbose=0) == pytest.approx(exact)
    value = model.evaluate(rows, batch_size=4, steps=3, verbose=0)
    assert value == pytest.approx(exact)


def test_keras_own_limit_of_steps(rows, make):
    model = make()
    keras.config.set_max_steps_per_epoch(3)
    try:
        with pytest.warns(UserWarning, match="Limiting steps"):
            fit(model, rows)
    finally:
        keras.config.set_max_steps_per_epoch(None)
    assert int(model.optimizer.iterations) == 6


def test_streams_and_eager_models_take_one_step_at_a_time(rows, make):
    stream = tf.data.Dataset.from_tensor_slices(rows).batch(4)
    assert fit(make(), stream, batch_size=None) == [1, 1]
    assert fit(make(run_eagerly=True), rows) == [1, 1]


def test_what_was_compiled_is_kept(rows, make):
    model = make()
    fit(model, rows, validation_data=rows)
    functions = model.train_function, model.test_function
    assert None not in functions
    fit(model, rows, ON_BATCHES["end"]([]))
    model.predict(rows, verbose=0)
    model.evaluate(rows, verbose=0)
    fit(model, rows)
    assert (model.train_function, model.test_function) == functions
    assert model.steps_per_execution == execution.DEFAULT_STEPS


def test_a_callback_may_evaluate_and_predict(rows, make):
    model = make()
    losses = []

    def look(epoch, logs):
        losses.append(model.evaluate(rows, verbose=0))
        nll = -model.predict(rows, batch_size=4, verbose=0).mean()
        assert losses[-1] == pytest.approx(nll, rel=1e-5)

    watch = keras.callbacks.LambdaCallback(on_epoch_end=look)
    assert fit(model, rows, watch) == [execution.DEFAULT_STEPS] * 2
    plain = make()
    fit(plain, rows)
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_failed_fit_leaves_the_choice(rows, make):
    def stop(batch, logs):
        raise KeyboardInterrupt

    model = make()
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=stop)
    with pytest.raises(KeyboardInterrupt):
        fit(model, rows, watch)
    assert model.steps_per_execution == execution.DEFAULT_STEPS


def test_the_progress_bar_ends_at_the_last_batch(rows, make, capsys):
    model = make()
    model.fit(rows, batch_size=25, verbose=1)
    model.evaluate(rows, batch_size=25, verbose=1)
    counts = set(re.findall(r"(\d+)/2", capsys.readouterr().out))
    assert counts == {"2"}
