"""FlowModel with integers for points, and with class labels for contexts.

This file is also the program of the test on two devices.
"""

import json
import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import FlowModel, flows
from tfp_flows.bijectors import Affine, KernelGaussianization, Standardize
from tfp_flows.distributions import Dequantized, Family, StandardNormal
from tfp_flows.networks import OneHot

LABELS = np.arange(96) % 3
# The second number is the label or one more, the first most often 0.
RNG = np.random.default_rng(0)
X = np.stack([RNG.binomial(3, 0.1, 96), LABELS + RNG.integers(0, 2, 96)], axis=1)
SMALL = {"num_layers": 1, "hidden_units": [8], "seed": 0}


def plain(**options):
    affine = Affine.trainable(2)
    flow = tfd.TransformedDistribution(flows.real_nvp(2, **SMALL), affine)
    return Dequantized(flow, 0, 3, seed=0, **options)


def with_noise():
    return plain(noise=flows.real_nvp(2, context_size=2, **SMALL), num_samples=2)


def class_conditional():
    conditional = flows.maf(2, context_size=3, **SMALL)
    noise = flows.real_nvp(2, context_size=2, **SMALL)
    return Family(Dequantized(conditional.distribution, 0, 3, noise, seed=0))


KINDS = {"plain": plain, "noise": with_noise, "classes": class_conditional}
EACH = pytest.mark.parametrize("kind", KINDS)


def make(kind="plain", **options):
    flow = KINDS[kind]() if isinstance(kind, str) else kind
    encoder = OneHot(3) if isinstance(flow, Family) else None
    model = FlowModel(flow, encoder=encoder)
    options = {"run_eagerly": True, "metrics": ["bits_per_dimension"]} | options
    model.compile(keras.optimizers.Adam(0.02), **options)
    return model


def inputs(model, x=X, labels=LABELS):
    conditional = model.family.is_conditional
    return (labels, x) if conditional else (x,)


def log_prob(model, seed=1, **options):
    *context, x = inputs(model)
    given = model.given(*context) if context else model.distribution
    return given.log_prob(x, seed=seed, **options).numpy()


def _state(model):
    (state,) = (v for v in model.distribution.variables if v.dtype == tf.int64)
    return state


# Training.


@EACH
def test_fit_evaluate_predict_save_load(kind, tmp_path):
    model = make(kind, run_eagerly=kind != "noise")
    data = inputs(model)
    before = log_prob(model, num_samples=50).mean()
    history = model.fit(*data, epochs=5, batch_size=32, verbose=0).history
    after = log_prob(model, num_samples=50).mean()
    assert after > before + 0.1
    bits = np.array(history["loss"]) / (2 * math.log(2.0))
    np.testing.assert_allclose(history["bits_per_dimension"], bits, rtol=1e-5)
    assert model.evaluate(*data, verbose=0)[0] == pytest.approx(-after, abs=0.4)
    predicted = model.predict(data if len(data) == 2 else X, verbose=0)
    assert predicted.shape == (96,) and np.all(np.isfinite(predicted))
    context = {"context": LABELS[:3]} if len(data) == 2 else {}
    samples = model.sample(50, seed=0, **context)
    assert set(np.unique(samples)) <= {0, 1, 2, 3}
    model.save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(log_prob(copy), log_prob(model))
    np.testing.assert_array_equal(copy.sample(50, seed=0, **context), samples)
    # Without a seed, too: the state is saved.
    np.testing.assert_array_equal(log_prob(copy, None), log_prob(model, None))
    assert np.any(log_prob(copy, None) != log_prob(copy, None))
    states = [_state(part) for part in (model, copy)]
    assert states[0].aggregation == states[1].aggregation
    assert states[0].aggregation == tf.VariableAggregation.ONLY_FIRST_REPLICA


def test_the_same_training_twice_and_after_a_stop(tmp_path):
    data = (LABELS, X)
    options = {"batch_size": 32, "verbose": 0, "validation_data": data}
    models = [make("classes") for _ in range(2)]
    for model in models:
        model.fit(*data, epochs=3, **options)
    stopped = make("classes")
    stopped.fit(*data, epochs=1, **options)
    stopped.save(tmp_path / "m.keras")
    resumed = keras.models.load_model(tmp_path / "m.keras")
    resumed.fit(*data, initial_epoch=1, epochs=3, **options)
    for part in (models[1], resumed):
        for a, b in zip(models[0].get_weights(), part.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_classes_are_learned():
    model = make("classes", run_eagerly=False, jit_compile=False)
    model.fit(LABELS, X, epochs=40, batch_size=32, verbose=0)
    x = model.sample(200, context=np.arange(3), seed=0).numpy()
    for label in range(3):
        fits = np.isin(x[:, label, 1], [label, label + 1])
        assert fits.mean() > 0.8
    wrong = model.evaluate((LABELS + 1) % 3, X, verbose=0)[0]
    assert wrong > model.evaluate(LABELS, X, verbose=0)[0] + 0.5


def test_the_summary_and_a_saved_model(tmp_path):
    model = make("noise")
    text = []
    model.summary(print_fn=text.append)
    for row in ("coupling", "Dequantized", "Family", "not trainable: 2"):
        assert row in text[0]
    model.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    found = served.log_prob(tf.constant(X, tf.float32))
    assert found.shape == [96] and np.any(found != served.log_prob(X.astype("f")))
    assert set(np.unique(served.sample(50, 0))) <= {0, 1, 2, 3}


# Layers that start from data.


def adapting_flow(size=2, context_size=None):
    """Two layers that wait, with a coupling between them."""
    options = SMALL | {"num_layers": 2}
    coupling = flows.real_nvp(size, context_size=context_size, **options)
    flow = coupling if context_size is None else coupling.distribution
    rng = np.random.default_rng(0)
    for v in flow.trainable_variables:
        v.assign(rng.normal(scale=0.3, size=v.shape))
    chain = tfb.Chain([Standardize(size), flow.bijector, Standardize(size)])
    return tfd.TransformedDistribution(StandardNormal(size), chain)


def dataset(*parts):
    return tf.data.Dataset.from_tensor_slices(parts).batch(32)


@pytest.mark.parametrize("stream", [False, True], ids=["rows", "dataset"])
@pytest.mark.parametrize("context_size", [None, 3])
def test_fit_adapts_to_dequantised_data(stream, context_size):
    """At the base each has mean 0 and deviation 1, which no other statistics give."""
    noise = Family(adapting_flow(context_size=2))
    flow = Dequantized(adapting_flow(context_size=context_size), 0, 3, noise, seed=0)
    model = make(flow if context_size is None else Family(flow))
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    data = inputs(model)
    model.fit(*((dataset(*data),) if stream else data), epochs=1, verbose=0)
    given = flow if context_size is None else model.given(LABELS)
    # With the noise that they were adapted to, whose seeds are batches' numbers.
    rows = [slice(i, i + 32) for i in range(0, 96, 32)] if stream else [slice(0, 96)]
    points = [flow.continuous(X[r], seed=[0, i]) for i, r in enumerate(rows)]
    drawn = [flow.uniform_noise(X[r], seed=[1, i]) for i, r in enumerate(rows)]
    noises, contexts = (np.concatenate(part) for part in zip(*drawn, strict=True))
    for z in (
        given.flow.bijector.inverse(np.concatenate(points)),
        noise(contexts).bijector.inverse(noises),
    ):
        np.testing.assert_allclose(np.mean(z, axis=0), 0.0, atol=1e-3)
        np.testing.assert_allclose(np.std(z, axis=0), 1.0, rtol=1e-3)
    assert np.abs(contexts).max() == 1.0 and np.abs(noises.mean()) < 0.5


def test_a_gaussianization_of_integers():
    model = make(Dequantized(flows.gaussianization(2, num_layers=2, seed=0), 0, 4))
    model.compile(keras.optimizers.SGD(1e-9), run_eagerly=True)
    model.fit(X, epochs=1, verbose=0)
    kernels = [m for m in model.distribution.submodules if _is_kernel(m)]
    assert len(kernels) == 2 and all(layer.adapted for layer in kernels)
    assert log_prob(model, num_samples=20).mean() > log_prob(make()).mean() + 0.1


def _is_kernel(part):
    return isinstance(part, KernelGaussianization)


def test_a_layer_that_data_cannot_reach():
    flow = tfd.TransformedDistribution(
        StandardNormal(2), tfb.Chain([tfb.Invert(Standardize(2)), Affine.trainable(2)])
    )
    with pytest.raises(ValueError, match=r"Standardize.*cannot bring"):
        make(Dequantized(flow, 0, 3)).fit(X, verbose=0)


# Points that are none of the integers.


def bad(value):
    x = X.astype(type(value))
    x[50, 1] = value
    return x


BAD = {"too large": 4, "too small": -1, "in between": 1.5, "not a number": np.nan}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_other_numbers_are_refused(value):
    model, x = make(), bad(value)
    what = "finite in float32" if value != value else "integers from 0 to 3"
    for use in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match=f"x must be {what}, but row 50 .*{value}"):
            use(x, verbose=0)
    with pytest.raises(ValueError, match=f"validation_data must be {what}, .*row 50"):
        model.fit(X, validation_data=x, verbose=0)
    with pytest.raises(ValueError, match=f"{what}, but row 50"):
        model.train_on_batch(x)
    with pytest.raises(ValueError, match=f"batch 1 of the stream must be {what}.*18"):
        model.fit(iter([x[:32], x[32:64]]), verbose=0, steps_per_epoch=2)
    message = "finite.* batch 1" if value != value else f"points must be {what}.*1 of"
    for use in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match=message):
            use(dataset(x), verbose=0)


def test_more_bad_rows_are_counted():
    with pytest.raises(ValueError, match=r"row 0 has 9 \(and 95 more rows have oth"):
        make().fit(np.full_like(X, 9), verbose=0)


def test_images_of_bytes():
    """Limits of each pixel; integers of any dtype."""
    as_image = tfb.Reshape(event_shape_out=[1, 2, 1], event_shape_in=[2])
    flow = tfd.TransformedDistribution(flows.real_nvp(2, **SMALL), as_image)
    images = X.astype("uint8").reshape([96, 1, 2, 1])
    high = images.max(axis=0)
    model = make(Dequantized(flow, 0, high, seed=0))
    model.fit(images, epochs=1, verbose=0)
    model.fit(dataset(images).map(lambda x: (x,)), epochs=1, verbose=0)
    low = np.array([0, images[:, 0, 1].min() + 1]).reshape([1, 2, 1])
    other = make(Dequantized(flow, low, high))
    first = np.argmax(images[:, 0, 1] < low[0, 1])
    message = f"integers from 0 to 3, each with its own limits, but row {first} has 0"
    with pytest.raises(ValueError, match=message):
        other.fit(images)
    with pytest.raises(ValueError, match="own limits, but batch 0 of the stream"):
        other.evaluate(dataset(images), verbose=0)


# Class labels.


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_one_hot(dtype):
    layer = OneHot(3)
    expected = np.eye(3)[LABELS]
    for shape in ([96], [96, 1]):
        labels = LABELS.astype(dtype).reshape(shape)
        np.testing.assert_array_equal(layer(labels), expected)
        np.testing.assert_array_equal(tf.function(layer)(labels), expected)
    assert layer(labels).dtype == "float32"
    assert OneHot(3, dtype="float64")(labels).dtype == "float64"
    assert layer.compute_output_shape((7, 1)) == (7, 3)
    assert OneHot.from_config(layer.get_config()).num_classes == 3
    assert not layer.weights


def labelled(encoder=None):
    model = FlowModel(flows.maf(2, context_size=3, **SMALL), encoder=encoder)
    model.compile(run_eagerly=True)
    return model


def embedded():
    layers = [OneHot(3), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((), dtype="int32"), *layers])


def functional():
    labels = keras.Input((), dtype="int32")
    return keras.Model(labels, keras.layers.Dense(3)(OneHot(3)(labels)))


def nested():
    return keras.Sequential([keras.Input((), dtype="int32"), functional()])


def noisy():
    """X as real numbers, of which `fit` has nothing to say."""
    noise = np.random.default_rng(0).random(X.shape)
    return (X + noise).astype("float32")


@pytest.mark.parametrize(
    "make_encoder", [lambda: OneHot(3), embedded, functional, nested]
)
def test_labels_that_are_no_class(make_encoder):
    x = noisy()
    model = labelled(make_encoder())
    model.fit(LABELS, x, verbose=0, validation_data=(LABELS, x))
    model.fit(dataset(LABELS, x), verbose=0)
    assert model.predict((LABELS, x), verbose=0).shape == (96,)
    wrong = LABELS.copy()
    wrong[40] = 3
    message = "context must be integers from 0 to 2, but row 40 has 3"
    for call in (
        lambda: model.fit(wrong, x),
        lambda: model.evaluate(wrong, x),
        lambda: model.predict((wrong, x)),
        lambda: model.fit(LABELS, x, validation_data=(wrong, x)),
        lambda: model.fit(np.where(LABELS == 1, 0.5, LABELS), x),
    ):
        with pytest.raises(ValueError, match=f"{message}|row 1 has 0.5"):
            call()
    with pytest.raises(ValueError, match=r"contexts must be.* 0 to 2, .*batch 1 of"):
        model.fit(dataset(wrong, x), verbose=0)
    with pytest.raises(ValueError, match=r"batch 0 .*: the context must be.*row 40"):
        model.fit(iter([(wrong, x)]), verbose=0, steps_per_epoch=1)


def test_an_encoder_that_does_not_tell_its_layers():
    class Encoder(keras.Model):
        def call(self, labels):
            return tf.one_hot(labels, 3)

    encoder = Encoder()
    encoder(LABELS)
    labelled(encoder).fit(LABELS, noisy(), verbose=0)


def test_labels_by_hand():
    model = labelled(OneHot(3))
    assert model.sample(2, context=[0, 2]).shape == [2, 2, 2]
    with pytest.raises(ValueError, match=r"shape \[N, …\].*without a shape"):
        model.given(2)
    for labels in ([0, 3], [0, -1], [0.5, 1.0], [np.nan, 0.0]):
        with pytest.raises(ValueError, match="labels must be integers from 0 to 2"):
            model.sample(2, context=np.array(labels))
    # In a graph nothing can be raised.
    found = tf.function(OneHot(3))(tf.constant([2, 3]))
    np.testing.assert_array_equal(np.isnan(found), [[False] * 3, [True] * 3])
    for labels in (np.zeros([4, 2], int), np.zeros([4, 1, 1], int)):
        with pytest.raises(ValueError, match=r"shape \[N\] or \[N, 1\], but have"):
            OneHot(3)(labels)
    with pytest.raises(ValueError, match=r"\[N, 3\], but the encoder .*4"):
        labelled(OneHot(4))
    for number, error in ((0, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match="OneHot: num_classes"):
            OneHot(number)


def test_a_class_conditional_flow_as_a_file(tmp_path):
    x = X.astype("float32")
    model = labelled(embedded())
    model.save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras")
    expected = model.predict((LABELS, x), verbose=0)
    np.testing.assert_array_equal(copy.predict((LABELS, x), verbose=0), expected)
    model.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    found = served.log_prob(tf.constant(LABELS, tf.int32), x)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


# Two devices.


def test_on_two_devices(tmp_path):
    """Replicas draw noise of their own and keep one state, also of a file's model."""
    command = [sys.executable, __file__, str(tmp_path / "m.keras")]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    for numbers, losses in told:
        assert numbers == [numbers[0]] * len(numbers)
        assert np.all(np.isfinite(losses))
    # 3 batches an epoch, and 3 of held-out rows.
    assert [numbers[0] for numbers, _ in told] == [12, 18]
    copy = keras.models.load_model(tmp_path / "m.keras")
    assert copy.distribution._state[1] == 12 and np.all(np.isfinite(log_prob(copy)))


def two_devices(path):
    (cpu,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    strategy = tf.distribute.MirroredStrategy(["cpu:0", "cpu:1"])
    told = []
    with strategy.scope():
        for epochs in (2, 1):
            if told:
                model = keras.models.load_model(path)
            else:
                model = make(plain(), run_eagerly=False)
            options = {"batch_size": 32, "epochs": epochs, "verbose": 0}
            history = model.fit(X, validation_data=X, **options).history
            state = model.distribution._state
            values = strategy.experimental_local_results(state)
            told.append(([int(v[1]) for v in values], history["loss"]))
            if len(told) == 1:
                model.save(path)
    print(json.dumps(told))


if __name__ == "__main__":
    two_devices(sys.argv[1])
