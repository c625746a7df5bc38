"""`FlowModel.fit` adapts layers that start from data before it trains."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import FlowModel, flows
from tfp_flows.bijectors import Affine, KernelGaussianization, Planar, Standardize
from tfp_flows.data_paths import data_paths
from tfp_flows.stages import Part, parts, stages


class Recorder(tfb.Bijector):
    """A layer that keeps the data it was adapted to; y = x + 1."""

    def __init__(self, name="recorder", waits=True):
        parameters = dict(locals())
        super().__init__(
            forward_min_event_ndims=0,
            is_constant_jacobian=True,
            parameters=parameters,
            name=name,
        )
        self.flag = tf.Variable(not waits, trainable=False)
        self.seen = []

    @property
    def adapted(self):
        return bool(self.flag.numpy())

    def adapt(self, data, sample_weight=None):
        batches = [data]
        if isinstance(data, tf.data.Dataset | Iterator):
            batches = [b[0] if isinstance(b, tuple) else b for b in data]
        self.seen.append(np.concatenate([np.asarray(b) for b in batches]))
        self.flag.assign(True)

    def _forward(self, x):
        return x + 1

    def _inverse(self, y):
        return y - 1

    def _forward_log_det_jacobian(self, x):
        return tf.zeros([], x.dtype)


def normal(dtype="float32"):
    return tfd.MultivariateNormalDiag(tf.zeros(2, dtype))


def flow_of(*layers, base=None):
    """Of layers in the order base → data, with something to train at its base."""
    layers = [Affine.trainable(2), *layers]
    chain = tfb.Chain(list(reversed(layers)))
    return tfd.TransformedDistribution(normal() if base is None else base, chain)


class Batches(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    num_batches = 4

    def __getitem__(self, index):
        return (self.x[16 * index : 16 * (index + 1)],)


def dataset(x):
    return tf.data.Dataset.from_tensor_slices(x).batch(16)


STREAMS = {
    "rows": (lambda x: x, {}),
    "float64 rows": (lambda x: x.astype("float64"), {}),
    "dataset": (dataset, {}),
    "dataset with weights": (
        lambda x: dataset(x).map(lambda x: (x, None, x[:, 0] ** 2)),
        {},
    ),
    "endless dataset": (lambda x: dataset(x).repeat(), {"steps_per_epoch": 4}),
    "dataset of unknown length": (
        lambda x: dataset(x).repeat().filter(lambda x: True),
        {"steps_per_epoch": 4},
    ),
    "PyDataset": (Batches, {}),
}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("order", ["Standardize last", "Standardize first"])
def test_each_layer_sees_the_data_as_they_reach_it(stream, order, x, make_model):
    make, options = STREAMS[stream]
    standardize, recorder = Standardize(2), Recorder()
    planar = Planar.trainable(2, seed=0)
    layers = [recorder, planar, standardize]
    if order == "Standardize first":
        layers.reverse()
    shift = tfb.Shift([0.0, 1.0])  # Nearest to the data, and not to be adapted.
    model = make_model(flow_of(*layers, shift), learning_rate=1e-30)
    model.fit(make(x), batch_size=16, verbose=0, **options)
    weights = x[:, 0] ** 2 if "weights" in stream else np.ones(64)

    def moments(rows):
        mean = np.average(rows, 0, weights)
        return mean, np.average((rows - mean) ** 2, 0, weights) ** 0.5

    x = x - [0.0, 1.0]
    (seen,) = recorder.seen
    if order == "Standardize first":
        expected = x
        arrives = planar.inverse((x - 1).astype("float32")).numpy()
        mean, scale = moments(arrives)
    else:
        mean, scale = moments(x)
        expected = planar.inverse(((x - mean) / scale).astype("float32")).numpy()
    np.testing.assert_allclose(standardize.mean, mean, rtol=1e-4)
    np.testing.assert_allclose(standardize.scale, scale, rtol=1e-4)
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-5)


class Doubled(tfd.Distribution):
    """Twice what a flow gives: a distribution that tells what it is made of."""

    def __init__(self, flow, name="doubled"):
        parameters = dict(locals())
        self.flow = flow
        super().__init__(
            dtype=flow.dtype,
            reparameterization_type=flow.reparameterization_type,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {"flow": tfp.util.BatchedComponentProperties()}

    def _event_shape(self):
        return self.flow.event_shape

    def _log_prob(self, x):
        return self.flow.log_prob(x / 2) - 2 * np.log(2)

    def data_paths(self):
        halve = lambda number, x, context: (x / 2, context)  # noqa: E731
        return [path.after(halve) for path in data_paths(self.flow)]

    def parts(self):
        return [*parts(self.flow), Part("twice", self)]


@pytest.mark.parametrize("stream", ["rows", "dataset"])
def test_a_distribution_of_ones_own_tells_the_paths_of_its_data(stream, x, make_model):
    recorder = Recorder()
    model = make_model(Doubled(flow_of(recorder)), learning_rate=1e-30)
    model.fit(STREAMS[stream][0](x), batch_size=16, verbose=0)
    np.testing.assert_allclose(recorder.seen[0], x / 2)
    text = []
    model.summary(print_fn=text.append)
    assert text[0].index("affine") < text[0].index("recorder") < text[0].index("twice")


def test_rows_are_brought_back_in_batches(make_model, monkeypatch):
    monkeypatch.setattr("tfp_flows.models.adapt._BATCH_SIZE", 10)
    x = np.random.default_rng(0).normal(size=[64, 2]).astype("float32")
    sizes = []

    class Watch(tfb.Shift):
        def _inverse(self, y):
            sizes.append(y.shape[0])
            return super()._inverse(y)

    recorder = Recorder()
    model = make_model(flow_of(recorder, Watch(tf.ones(2))))
    model.fit(x, batch_size=64, verbose=0)
    assert sizes[:7] == [10, 10, 10, 10, 10, 10, 4]
    np.testing.assert_allclose(recorder.seen[0], x - 1, rtol=1e-6)


def test_what_has_been_adapted_is_left_alone(x, make_model):
    """Also where another layer waits, as in a flow that was put on a trained one."""
    done, waiting = Recorder("done", waits=False), Recorder("waiting")
    make_model(flow_of(waiting, done)).fit(x, verbose=0)
    assert not done.seen
    np.testing.assert_allclose(waiting.seen[0], x - 1, rtol=1e-6)


def nested_chains(layer):
    return flow_of(tfb.Chain([tfb.Scale(2.0), tfb.Chain([layer])]))


def inverted_twice(layer):
    inner = tfb.Invert(tfb.Chain([tfb.Invert(layer), tfb.Scale(0.5)]))
    return flow_of(inner)


def flow_as_base(layer):
    return flow_of(tfb.Scale(2.0), base=flow_of(layer))


@pytest.mark.parametrize("nest", [nested_chains, inverted_twice, flow_as_base])
def test_nested_layers_are_found(nest, x, make_model):
    recorder = Recorder()
    model = make_model(nest(recorder))
    model.fit(x, verbose=0)
    np.testing.assert_allclose(recorder.seen[0], x / 2, rtol=1e-6)


def inverted(layer):
    return flow_of(tfb.Invert(layer))


def inside_another_bijector(layer):
    return flow_of(tfb.Blockwise([layer], block_sizes=[2]))


def in_a_mixture(layer):
    components = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.Variable(np.eye(2, dtype="float32"))), layer
    )
    return tfd.MixtureSameFamily(tfd.Categorical(logits=tf.zeros(2)), components)


@pytest.mark.parametrize("nest", [inverted, inside_another_bijector, in_a_mixture])
def test_a_layer_that_the_data_cannot_reach_is_refused(nest, x, make_model):
    first, last = Recorder("first"), Recorder("last")
    model = make_model(tfd.TransformedDistribution(nest(first), last))
    with pytest.raises(ValueError, match=r"Recorder 'first'.*inverted, or inside"):
        model.fit(x, verbose=0)
    assert not first.seen
    assert not last.seen
    first.adapt(x)
    model.fit(x, verbose=0)
    assert len(last.seen) == 1


STREAMS_TO_REFUSE = {
    "generator": (lambda x: iter([x, x]), {}, "read only once: call adapt"),
    "endless dataset": (lambda x: dataset(x).repeat(), {}, "does not end.*steps_per"),
}


@pytest.mark.parametrize("stream", STREAMS_TO_REFUSE)
def test_streams_that_cannot_be_read_twice(stream, x, make_model):
    make, options, message = STREAMS_TO_REFUSE[stream]
    standardize = Standardize(2)
    model = make_model(flow_of(standardize))
    with pytest.raises(ValueError, match=f"Standardize 'standardize' must.*{message}"):
        model.fit(make(x), verbose=0, **options)
    assert not standardize.adapted
    standardize.adapt(x)
    model.fit(make(x), steps_per_epoch=2, verbose=0)


def test_errors_of_adapt_reach_the_user(x, make_model):
    constant = x * [1.0, 0.0]
    for data in (constant, dataset(constant)):
        with pytest.raises(ValueError, match="column 1 is constant"):
            make_model(flow_of(Standardize(2))).fit(data, verbose=0)
    bad = x.copy()
    bad[40] = np.nan
    for layers in ([Standardize(2)], [Standardize(2), Recorder()]):
        with pytest.raises(ValueError, match="batch 2 of the stream"):
            make_model(flow_of(*layers)).fit(dataset(bad), verbose=0)


def test_a_failed_call_adapts_nothing(x, make_model):
    standardize = Standardize(2)
    model = make_model(flow_of(standardize))
    with pytest.raises(ValueError, match="batch_size"):
        model.fit(x, batch_size=0)
    assert not standardize.adapted


def test_a_layer_that_fails_takes_the_others_back(x, make_model):
    nearer, further = Standardize(2), Standardize(2)
    to_a_line = tfb.Scale([np.inf, 1.0])  # Its inverse sends the first column to 0.
    model = make_model(flow_of(further, to_a_line, nearer))
    for data in (x, dataset(x)):
        with pytest.raises(ValueError, match="column 0 is constant"):
            model.fit(data, verbose=0)
        assert not nearer.adapted and not further.adapted
        assert np.isnan(nearer.mean).all()


def test_data_in_memory_go_once_through_each_layer(x, make_model):
    calls = []

    class Watch(tfb.Shift):
        def _inverse(self, y):
            calls.append(self.name)
            return super()._inverse(y)

    watches = [Watch(tf.ones(2), name=name) for name in "abc"]
    layers = [part for watch in watches for part in (Recorder(), watch)]
    make_model(flow_of(*layers)).adapt(x)
    assert calls == ["c", "b", "a"]


def test_adapt_before_a_loop_of_ones_own(x, make_model):
    standardize = Standardize(2)
    model = make_model(flow_of(standardize))
    model.adapt(dataset(x).repeat(), steps=4)
    np.testing.assert_allclose(standardize.mean, x.mean(0), rtol=1e-5)
    model.train_on_batch(x[:5])
    model.adapt(x + 1)  # It has been.
    np.testing.assert_allclose(standardize.mean, x.mean(0), rtol=1e-5)


def test_a_first_batch_adapts(x, make_model):
    standardize = Standardize(2)
    model = make_model(flow_of(standardize))
    model.train_on_batch(x[:20])
    np.testing.assert_allclose(standardize.mean, x[:20].mean(0), rtol=1e-5)
    model.train_on_batch(x[20:])
    model.fit(x, verbose=0)
    np.testing.assert_allclose(standardize.mean, x[:20].mean(0), rtol=1e-5)


def test_held_out_rows_are_not_seen(x, make_model):
    standardize = Standardize(2)
    model = make_model(flow_of(standardize))
    model.fit(x, validation_split=0.25, verbose=0)
    np.testing.assert_allclose(standardize.mean, x[:48].mean(0), rtol=1e-5)


# Under XLA, again and again, saved.


@pytest.fixture(scope="module")
def trained(x):
    model = tfp_flows.FlowModel(flow_of(Standardize(2)))
    model.compile(keras.optimizers.Adam(0.01), jit_compile=True)
    model.fit(x, batch_size=32, verbose=0)
    return model


def statistics(model):
    *_, standardize = stages(model.distribution)[1]
    return standardize


def test_fit_under_xla_trains_the_rest(trained, x):
    standardize = statistics(trained)
    np.testing.assert_allclose(standardize.mean, x.mean(0), rtol=1e-5)
    names = {w.name for w in trained.trainable_weights}
    assert not names & {"mean", "scale"}
    assert len(trained.non_trainable_weights) == 2
    expected = tfd.MultivariateNormalDiag(x.mean(0), x.std(0)).log_prob(x)
    assert np.abs(trained.predict(x, verbose=0) - expected).max() < 0.2


def test_a_second_fit_keeps_the_statistics(trained, x):
    before = [v.numpy() for v in statistics(trained).variables]
    trained.fit(x + 5.0, batch_size=32, verbose=0)
    for old, new in zip(before, statistics(trained).variables, strict=True):
        np.testing.assert_array_equal(old, new)


def assert_restored(restored, trained, x):
    assert statistics(restored).adapted
    np.testing.assert_array_equal(
        restored.predict(x, verbose=0), trained.predict(x, verbose=0)
    )
    mean = statistics(restored).mean.numpy()
    restored.fit(x + 5.0, verbose=0)
    np.testing.assert_array_equal(statistics(restored).mean, mean)


def test_save_weights_keeps_them(trained, x, tmp_path):
    trained.save_weights(tmp_path / "flow.weights.h5")
    restored = tfp_flows.FlowModel(flow_of(Standardize(2)))
    for call in (restored.evaluate, restored.predict, restored.test_on_batch):
        with pytest.raises(ValueError, match=r"does not know.*adapt\(data\)"):
            call(x)
    restored.load_weights(tmp_path / "flow.weights.h5")
    assert_restored(restored, trained, x)


@pytest.mark.parametrize("part", ["model", "flow"])
def test_checkpoints_keep_them(part, trained, x, tmp_path):
    def pick(model):
        return model if part == "model" else model.distribution

    path = tf.train.Checkpoint(part=pick(trained)).save(tmp_path / "checkpoint")
    restored = tfp_flows.FlowModel(flow_of(Standardize(2)))
    assert not statistics(restored).adapted
    tf.train.Checkpoint(part=pick(restored)).restore(path).expect_partial()
    assert_restored(restored, trained, x)


def test_weights_of_a_model_that_was_not_adapted(trained, x, tmp_path):
    """Traced while adapted, then loaded: refused, or NaN, never silently wrong."""
    path = tmp_path / "raw.weights.h5"
    tfp_flows.FlowModel(flow_of(Standardize(2))).save_weights(path)
    model = tfp_flows.FlowModel(flow_of(Standardize(2)))
    statistics(model).adapt(x)
    model.predict(x, verbose=0)
    model.load_weights(path)
    assert np.isnan(model.predict(x, verbose=0)).all()
    assert not statistics(model).adapted


@pytest.mark.parametrize("context_size", [None, 2])
def test_fit_starts_a_gaussianization_from_the_data(context_size):
    """Each layer from the data as the layers before it leave them."""
    rng = np.random.default_rng(0)
    x = (rng.exponential(size=[512, 2]) @ [[1.0, 3.0], [0.0, 9.0]]).astype("float32")
    flow = flows.gaussianization(
        2, num_layers=3, hidden_units=[4], context_size=context_size, seed=0
    )
    model = FlowModel(flow)
    # At this rate nothing is learned but by `adapt`.
    model.compile(keras.optimizers.SGD(1e-9), jit_compile=False)
    inputs = (x,) if context_size is None else (np.zeros([512, 2], "float32"), x)
    before = model.evaluate(*inputs, verbose=0)
    model.fit(*inputs, epochs=1, batch_size=512, verbose=0)
    after = model.evaluate(*inputs, verbose=0)
    gaussian = np.linalg.slogdet(2 * np.pi * np.e * np.cov(x.T))[1] / 2
    assert after < before - 10 and after < gaussian
    kernels = [m for m in flow.submodules if isinstance(m, KernelGaussianization)]
    assert len(kernels) == 3 and all(layer.adapted for layer in kernels)
