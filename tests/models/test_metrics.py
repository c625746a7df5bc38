"""Units of the log-likelihood, and Keras's own callbacks on them."""

import math

import keras
import numpy as np
import pytest

from tfp_flows.models.metrics import NegativeLogLikelihood

UNITS = ["nats", "nats_per_dimension", "bits_per_dimension"]


def test_units(make_model, x):
    model = make_model(metrics=UNITS)
    found = model.evaluate(x, verbose=0, return_dict=True)
    nats = -model.predict(x, verbose=0).mean()
    expected = {"loss": nats, "nats": nats, "nats_per_dimension": nats / 2}
    expected["bits_per_dimension"] = nats / 2 / math.log(2.0)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5)


def test_weights_and_batches_count(make_model, x):
    model = make_model(metrics=UNITS)
    weights = np.linspace(0.0, 3.0, len(x))
    nll = -model.predict(x, verbose=0)
    options = {"sample_weight": weights, "verbose": 0, "return_dict": True}
    for batch_size in (7, 64):
        found = model.evaluate(x, batch_size=batch_size, **options)
        expected = np.average(nll, weights=weights)
        assert found["nats"] == pytest.approx(expected, rel=1e-5)


def test_in_fit_with_xla_and_held_out_rows(make_model, x):
    model = make_model(metrics=["bits_per_dimension"], run_eagerly=False)
    history = model.fit(
        x, validation_data=x[:20], batch_size=16, epochs=2, verbose=0
    ).history
    assert set(history) >= {"bits_per_dimension", "val_bits_per_dimension"}
    bits = np.array(history["val_loss"]) / 2 / math.log(2.0)
    np.testing.assert_allclose(history["val_bits_per_dimension"], bits, rtol=1e-4)


def test_a_metric_of_keras(make_model, x):
    """It gets log-probabilities for both arguments."""
    metric = keras.metrics.MeanMetricWrapper(
        lambda y_true, y_pred: y_pred, name="mean_log_prob"
    )
    found = make_model(metrics=[metric]).evaluate(x, verbose=0, return_dict=True)
    assert found["mean_log_prob"] == pytest.approx(-found["loss"], rel=1e-5)


def test_early_stopping_restores_the_best_weights(make_model, x):
    """Steps so long that the first epochs are the best."""
    model = make_model(learning_rate=2.0, metrics=["nats_per_dimension"])
    stop = keras.callbacks.EarlyStopping(
        "val_nats_per_dimension", mode="min", patience=3, restore_best_weights=True
    )
    history = model.fit(
        x, validation_data=x[:32], epochs=60, callbacks=[stop], verbose=0
    ).history["val_nats_per_dimension"]
    assert len(history) < 60
    now = model.evaluate(x[:32], verbose=0, return_dict=True)
    assert now["nats_per_dimension"] == pytest.approx(min(history), rel=1e-4)


def test_tensorboard(make_model, x, tmp_path):
    model = make_model(metrics=["bits_per_dimension"], run_eagerly=False)
    board = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1)
    model.fit(x, validation_data=x[:20], epochs=2, callbacks=[board], verbose=0)
    written = b"".join(p.read_bytes() for p in tmp_path.rglob("events*"))
    for name in (b"epoch_loss", b"epoch_bits_per_dimension"):
        assert name in written


def test_mistakes(make_model):
    with pytest.raises(TypeError, match=r"metrics must be a list.*'nats'"):
        make_model(metrics="nats")
    with pytest.raises(ValueError, match=r"'bits_per_dimension'.*but got 'bits'"):
        make_model(metrics=["bits"])
    with pytest.raises(ValueError, match="takes no weighted_metrics"):
        make_model(weighted_metrics=["nats"])


def test_round_trip():
    metric = NegativeLogLikelihood("bits_per_dimension", 3)
    copy = NegativeLogLikelihood.from_config(metric.get_config())
    for part in (metric, copy):
        part.update_state(None, [-3.0, -1.0])
    assert float(metric.result()) == float(copy.result())
