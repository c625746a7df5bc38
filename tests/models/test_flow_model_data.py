"""`FlowModel`: the data it takes, in which order, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.models import data
from tfp_flows.objectives import Batch


class Batches(keras.utils.PyDataset):
    def __init__(self, batches, **options):
        super().__init__(**options)
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def as_dataset(batches):
    first = tf.nest.map_structure(tf.convert_to_tensor, batches[0])
    spec = tf.nest.map_structure(
        lambda t: tf.TensorSpec([None, *t.shape[1:]], t.dtype), first
    )
    dataset = tf.data.Dataset.from_generator(
        lambda: iter(batches), output_signature=spec
    )
    # Without its length Keras warns where it ends.
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))


STREAMS = {
    "tf.data": as_dataset,
    "PyDataset": Batches,
    "PyDataset of threads": lambda batches: Batches(batches, workers=2),
    "generator": lambda batches: (batch for batch in batches),
}


def fit_stream(model, stream, num_batches=4, **options):
    """Fits one epoch; a generator must be told its length, or Keras warns."""
    model.fit(stream, steps_per_epoch=num_batches, verbose=0, **options)
    return model


def assert_equal_weights(a, b, **tolerance):
    for u, v in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(u, v, **{"rtol": 1e-6, **tolerance})


@pytest.mark.parametrize("kind", STREAMS)
def test_streams_train_as_arrays_do(kind, x, make_model):
    by_arrays = make_model()
    by_arrays.fit(x[:40], batch_size=20, shuffle=False, verbose=0)
    batches = [x[:20].astype("float64"), x[20:40].astype("float64")]
    by_stream = fit_stream(make_model(), STREAMS[kind](batches), 2)
    assert_equal_weights(by_arrays, by_stream)
    by_tuples = fit_stream(make_model(), STREAMS[kind]([(b,) for b in batches]), 2)
    assert_equal_weights(by_arrays, by_tuples)


@pytest.mark.parametrize("kind", ["PyDataset", "generator"])
def test_weights_of_python_streams(kind, x, make_model):
    weights = np.linspace(0.0, 2.0, 64)
    by_arrays = make_model()
    by_arrays.fit(x, batch_size=16, shuffle=False, sample_weight=weights, verbose=0)
    rows = range(0, 64, 16)
    batches = [(x[i : i + 16], None, weights[i : i + 16]) for i in rows]
    by_stream = fit_stream(make_model(), STREAMS[kind](batches))
    assert_equal_weights(by_arrays, by_stream)


def test_weights_of_datasets(x, make_model):
    weights = np.linspace(0.0, 2.0, 64)
    by_arrays = make_model()
    by_arrays.fit(x, batch_size=16, shuffle=False, sample_weight=weights, verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices((x, weights)).batch(16)
    by_stream = make_model()
    by_stream.fit(dataset.map(lambda x, w: (x, None, w)), verbose=0)
    assert_equal_weights(by_arrays, by_stream)


def test_a_repeated_dataset_with_steps(x, make_model):
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(16).repeat()
    model = make_model(jit_compile=False, run_eagerly=False)
    history = model.fit(dataset, epochs=2, steps_per_epoch=3, verbose=0)
    assert len(history.epoch) == 2
    assert int(model.optimizer.iterations) == 6


def test_predict_on_streams(x, make_model):
    model = make_model()
    expected = model.predict(x, verbose=0)
    for kind in ("tf.data", "PyDataset"):
        stream = STREAMS[kind]([x[:40], x[40:]])
        np.testing.assert_allclose(model.predict(stream, verbose=0), expected)
        nll = model.evaluate(STREAMS[kind]([x[:40], x[40:]]), verbose=0)
        assert nll == pytest.approx(-expected.mean(), rel=1e-6)


# Weights and held-out data.


def test_weight_two_counts_twice(x, make_model):
    twice = make_model()
    twice.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    weights = np.ones(64)
    weights[:8] = 2.0
    twice.fit(x, sample_weight=weights, batch_size=64, verbose=0)
    repeated = make_model()
    repeated.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    repeated.fit(np.concatenate([x, x[:8]]), batch_size=72, verbose=0)
    assert_equal_weights(twice, repeated, rtol=1e-4)


def test_validation_data_of_every_kind(x, make_model):
    weights = np.linspace(0.0, 1.0, 64)
    model = make_model()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    held_out = x[:10]
    plain = model.evaluate(held_out, verbose=0)
    weighted = model.evaluate(held_out, sample_weight=weights[:10], verbose=0)
    assert plain != weighted
    kinds = [
        (held_out, plain),
        ((held_out,), plain),
        ((held_out, None, weights[:10]), weighted),
        (tf.data.Dataset.from_tensor_slices(held_out).batch(4), plain),
        (Batches([held_out[:5], held_out[5:]]), plain),
    ]
    for validation_data, expected in kinds:
        history = model.fit(
            x, validation_data=validation_data, epochs=2, batch_size=64, verbose=0
        ).history
        assert history["val_loss"] == pytest.approx([expected] * 2, rel=1e-5)


def test_validation_split_holds_out_the_last_rows(x, make_model):
    weights = np.linspace(0.0, 1.0, 64)
    split = make_model()
    history = split.fit(
        x, sample_weight=weights, validation_split=0.25, verbose=0
    ).history
    by_hand = make_model()
    expected = by_hand.fit(
        x[:48],
        sample_weight=weights[:48],
        validation_data=(x[48:], None, weights[48:]),
        verbose=0,
    ).history
    assert history == expected
    assert_equal_weights(split, by_hand)


def test_validation_data_come_before_a_split(x, make_model):
    """As in Keras: no row is then held out."""
    both, plain = make_model(), make_model()
    both.fit(x, validation_split=0.5, validation_data=x[:4], verbose=0)
    plain.fit(x, verbose=0)
    assert_equal_weights(both, plain)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 1.5, 0.999])
def test_bad_validation_split(fraction, x, make_model):
    with pytest.raises(ValueError, match=f"validation_split={fraction}.*64 rows"):
        make_model().fit(x, validation_split=fraction)


def test_bad_rows_of_a_split_have_their_own_number(x, make_model):
    bad = x.copy()
    bad[60, 1] = np.nan
    with pytest.raises(ValueError, match=r"x must be finite.*row 60"):
        make_model().fit(bad, validation_split=0.25)


# The order of the rows.


def orders(num_epochs, seed=0, batch_size=4, num_rows=10):
    """The rows in the order in which each epoch of `fit` sees them."""
    epoch = tf.Variable(0)
    rows = Batch(np.arange(num_rows))
    dataset = data.row_batches(rows, batch_size, shuffle_seed=(seed, epoch))
    seen = []
    for number in range(num_epochs):
        epoch.assign(number)
        seen.append(np.concatenate([data.unpack(b).x.numpy() for b in dataset]))
    return seen


def test_every_epoch_sees_every_row_once_in_an_order_of_its_own():
    seen = orders(3)
    for order in seen:
        assert sorted(order) == list(range(10))
        assert list(order) != list(range(10))
    assert len({tuple(order) for order in seen}) == 3
    np.testing.assert_array_equal(seen, orders(3))
    assert np.any(seen[0] != orders(1, seed=1)[0])


def test_batches_know_their_number():
    dataset = data.row_batches(Batch(np.arange(10)), 4)
    assert dataset.cardinality() == 3
    assert [data.unpack(b).x.shape[0] for b in dataset] == [4, 4, 2]


class SeenRows(keras.callbacks.Callback):
    """Recovers the order of rows from the loss of batches of one row."""

    def on_epoch_begin(self, epoch, logs=None):
        self.orders = [*getattr(self, "orders", []), []]

    def on_train_batch_end(self, batch, logs=None):
        total = self.orders[-1]
        # Keras reports the mean over the epoch so far.
        total.append(logs["loss"] * (batch + 1))


def fitted_order(model, x, **options):
    seen = SeenRows()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    model.fit(x, batch_size=1, callbacks=[seen], verbose=0, **options)
    values = [np.diff([0.0, *sums]) for sums in seen.orders]
    nll = -model.predict(x, verbose=0)
    return [tuple(np.abs(nll - v).argmin() for v in epoch) for epoch in values]


def test_fit_shuffles_each_epoch_anew_unless_told_not_to(make_model):
    x = np.arange(1.0, 6.0)[:, None] * np.ones(2)
    first, second = fitted_order(make_model(), x, epochs=2)
    assert sorted(first) == sorted(second) == [0, 1, 2, 3, 4]
    assert first != second
    # The epoch decides, not how many were run before it.
    assert fitted_order(make_model(), x, epochs=2, initial_epoch=1) == [second]
    assert fitted_order(make_model(seed=1), x)[0] != first
    assert fitted_order(make_model(), x, shuffle=False) == [(0, 1, 2, 3, 4)]


# What is refused, and that nothing is lost then.


def with_bad(value):
    x = np.ones([6, 2])
    x[4, 1] = value
    return x


BAD_ROWS = [
    (with_bad(np.nan), ValueError, r"x must be finite in float32, but row 4 is"),
    (with_bad(-np.inf), ValueError, r"row 4 is \[1.0, -inf\]"),
    (with_bad(1e39), ValueError, r"finite in float32, but row 4 is \[1.0, 1e\+39\]"),
    (np.full([3, 2], np.nan), ValueError, r"row 0 .*and 2 more rows"),
    (np.array([["a", "b"]]), TypeError, r"x must be real numbers.*<U1"),
    (np.array([[object(), 1]]), TypeError, r"x must be real numbers.*object"),
    (np.ones([3, 2]) * 1j, TypeError, r"x must be real numbers.*complex128"),
    (None, TypeError, r"x must be real numbers"),
    ([[1.0, 2.0], [3.0]], ValueError, r"x does not form an array"),
    (np.ones([0, 2]), ValueError, r"x has no rows; its shape is \(0, 2\)"),
    (np.ones([6, 3]), ValueError, r"x must have shape \[N, 2\].*shape \(6, 3\)"),
    (np.ones(6), ValueError, r"x must have shape \[N, 2\].*shape \(6,\)"),
    (np.ones([6, 1, 2]), ValueError, r"x must have shape \[N, 2\]"),
]


def assert_refused(model, error, message, *args, use="fit", **options):
    start = model.get_weights()
    with pytest.raises(error, match=message):
        getattr(model, use)(*args, verbose=0, **options)
    for old, new in zip(start, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize("bad, error, message", BAD_ROWS)
def test_bad_arrays(bad, error, message, x, make_model):
    model = make_model()
    for use in ("fit", "evaluate", "predict"):
        assert_refused(model, error, message, bad, use=use)
    message = message.replace("x ", "validation_data ", 1)
    assert_refused(model, error, message, x, validation_data=(bad,))


def test_points_of_size_two_for_scalars(make_model):
    model = make_model(tfd.Normal(tf.Variable(0.0), 1.0))
    message = r"shape \[N\].*has shape \(3, 2\)"
    assert_refused(model, ValueError, message, np.ones([3, 2]))


@pytest.mark.parametrize(
    "weights, error, message",
    [
        (np.ones(3), ValueError, r"sample_weight must have shape \[64\].*\(3,\)"),
        (np.ones([64, 1]), ValueError, r"shape \[64\].*\(64, 1\)"),
        (np.full(64, np.nan), ValueError, r"not negative, but row 0 has nan"),
        (-np.ones(64), ValueError, r"not negative, but row 0 has -1"),
        (["a"] * 64, TypeError, r"sample_weight must be real numbers"),
    ],
)
def test_bad_weights(weights, error, message, x, make_model):
    model = make_model()
    assert_refused(model, error, message, x, sample_weight=weights)
    assert_refused(model, error, message, x, sample_weight=weights, use="evaluate")
    batch = (x, None, np.asarray(weights))
    assert_refused(model, error, "batch 0 .*" + message, iter([batch]))


def test_targets_are_refused(x, make_model):
    model = make_model()
    assert_refused(model, ValueError, "no targets", x, x)
    assert_refused(model, ValueError, "no targets", x, x, use="evaluate")
    assert_refused(model, ValueError, "no targets", x, validation_data=(x, x))


@pytest.mark.parametrize("batch_size", [0, -1])
def test_bad_batch_size(batch_size, x, make_model):
    message = f"batch_size must be 1 or more, but got {batch_size}"
    assert_refused(make_model(), ValueError, message, x, batch_size=batch_size)


def test_options_that_do_not_go_with_streams(x, make_model):
    model = make_model()
    stream = tf.data.Dataset.from_tensor_slices(x).batch(8)
    message = "validation_split goes with data in memory"
    assert_refused(model, ValueError, message, stream, validation_split=0.5)
    message = "x is a stream.*yield"
    assert_refused(model, ValueError, message, stream, sample_weight=np.ones(64))


BAD_BATCHES = {
    "nan": (with_bad(np.nan), ValueError, "batch 3 of the stream"),
    "inf": (with_bad(np.inf), ValueError, "batch 3 of the stream"),
    "too large": (with_bad(1e39), ValueError, "batch 3 of the stream"),
}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("name", BAD_BATCHES)
def test_a_bad_batch_is_named_and_does_no_harm(name, kind, make_model):
    batch, error, message = BAD_BATCHES[name]
    good = np.ones([6, 2])
    model = make_model()
    with pytest.raises(error, match=message):
        fit_stream(model, STREAMS[kind]([good, good, good, batch]))
    assert all(np.isfinite(w).all() for w in model.get_weights())
    # What came before it was learned.
    assert int(model.optimizer.iterations) == 3


@pytest.mark.parametrize("kind", ["PyDataset", "PyDataset of threads", "generator"])
@pytest.mark.parametrize(
    "bad, error, message",
    [
        (np.ones([6, 3]), ValueError, r"batch 3 .*shape \[N, 2\].*\(6, 3\)"),
        (np.array([["a", "b"]]), TypeError, r"batch 3 .*real numbers"),
        ((np.ones([6, 2]),) * 2, ValueError, r"batch 3 .*pair \(x, y\)"),
    ],
)
def test_a_late_bad_batch_of_a_python_stream(bad, error, message, kind, make_model):
    good = np.ones([6, 2])
    with pytest.raises(error, match=message):
        fit_stream(make_model(), STREAMS[kind]([good, good, good, bad]))


@pytest.mark.parametrize(
    "stream, error, message",
    [
        (lambda x: (x, x), ValueError, r"pair \(x, y\)"),
        (lambda x: tf.concat([x, x], axis=-1), ValueError, r"\[N, 2\].*\(None, 4\)"),
        (lambda x: x[0], ValueError, r"\[N, 2\].*\(2,\)"),
        (lambda x: tf.strings.as_string(x), TypeError, "real numbers, but are string"),
        (lambda x: tf.complex(x, x), TypeError, "real numbers, but are complex64"),
        (lambda x: (x, None, x), ValueError, r"weights .*\[N\].*\(None, 2\)"),
    ],
)
def test_a_bad_dataset_is_refused_before_training(
    stream, error, message, x, make_model
):
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(8).map(stream)
    assert_refused(make_model(), error, message, dataset)


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_bad_weights_of_a_dataset(value, x, make_model):
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(8)
    dataset = dataset.map(lambda x: (x, None, tf.fill(tf.shape(x)[:1], value)))
    assert_refused(make_model(), ValueError, "weights not negative.*batch 0", dataset)


def test_a_compiled_step_is_not_poisoned_either(x, make_model):
    bad = x.copy()
    bad[60] = np.nan
    model = make_model(run_eagerly=False, jit_compile=True)
    stream = tf.data.Dataset.from_tensor_slices(bad).batch(16)
    with pytest.raises(ValueError, match="batch 3 of the stream"):
        model.fit(stream, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert int(model.optimizer.iterations) == 3


def test_an_empty_batch_is_named(x, make_model):
    model = make_model()
    before = model.get_weights()
    dataset = as_dataset([x[:0], x])
    with pytest.raises(ValueError, match=r"must have rows.*batch 0"):
        model.fit(dataset, verbose=0)
    for u, v in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(u, v)


def test_an_empty_dataset(x, make_model):
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(8).take(0)
    for method in ("fit", "evaluate", "predict"):
        with pytest.raises(ValueError, match="dataset is empty"):
            getattr(make_model(), method)(dataset)


def test_a_dataset_of_structures(x, make_model):
    dataset = tf.data.Dataset.from_tensor_slices({"a": x}).batch(8)
    with pytest.raises(TypeError, match=r"single tensors.*dict"):
        make_model().fit(dataset)


@pytest.mark.parametrize("batch_size", [0, "8", 8.0])
def test_batch_sizes_of_inference_and_validation(batch_size, x, make_model):
    model = make_model()
    with pytest.raises((TypeError, ValueError), match=rf"batch_size.*{batch_size}"):
        model.evaluate(x, batch_size=batch_size)
    with pytest.raises((TypeError, ValueError), match=rf"batch_size.*{batch_size}"):
        model.fit(x, validation_data=x, validation_batch_size=batch_size)


def test_single_batches_are_checked_too(x, make_model):
    model = make_model()
    first = model.test_on_batch(x)
    assert first == pytest.approx(-model.predict(x, verbose=0).mean(), rel=1e-5)
    model.train_on_batch(x.astype("float64"))
    assert model.test_on_batch(x) < first
    x = x.copy()
    x[3, 1] = np.nan
    for method in (model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match="row 3"):
            method(x)
    with pytest.raises(ValueError, match="no targets"):
        model.train_on_batch(x, x)


def test_class_weights_and_unknown_metrics_are_refused(x, make_model):
    with pytest.raises(ValueError, match="no classes"):
        make_model().fit(x, class_weight={0: 1.0})
    with pytest.raises(ValueError, match=r"bits_per_dimension.*'mse'"):
        make_model(metrics=["mse"])
