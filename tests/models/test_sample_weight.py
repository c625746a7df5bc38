"""A row of weight 2 counts as two rows, and one of weight 0 as none, everywhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import FlowModel, bijectors, flows
from tfp_flows.bijectors.data_dependent import Weighted, quantiles
from tfp_flows.distributions import Flow, StandardNormal

RNG = np.random.default_rng(0)
X = RNG.normal([1.0, -3.0], [2.0, 0.5], size=[50, 2])
WEIGHTS = RNG.integers(0, 4, size=50)
REPEATED = np.repeat(X, WEIGHTS, axis=0)

ADAPTED = {
    "Standardize": lambda: bijectors.Standardize(2),
    "ActNorm": lambda: bijectors.ActNorm.trainable(2),
    "KernelGaussianization": lambda: bijectors.KernelGaussianization.trainable(
        2, num_components=7
    ),
    "one kernel": lambda: bijectors.KernelGaussianization.trainable(
        2, num_components=1
    ),
    "Conditional": lambda: bijectors.Conditional(
        bijectors.ActNorm.trainable(2), bijectors_network(), context_size=1
    ),
}


def bijectors_network():
    from tfp_flows.networks import MLP

    return MLP([4], seed=0)


def test_every_layer_that_adapts_is_here():
    """Each class with a method ``adapt``."""
    adapting = {n for n, v in vars(bijectors).items() if hasattr(v, "adapt")}
    assert adapting <= set(ADAPTED)


def batches(x, weights):
    return iter([(x[:20], None, weights[:20]), (x[20:], None, weights[20:])])


def values(layer):
    return [v.numpy() for v in layer.variables]


def assert_same(a, b, **tolerance):
    for u, v in zip(a, b, strict=True):
        np.testing.assert_allclose(u, v, **({"rtol": 1e-5, "atol": 1e-6} | tolerance))


@pytest.mark.parametrize("name", ADAPTED)
def test_weights_are_repeated_rows(name):
    repeated, weighted, streamed, plain = (ADAPTED[name]() for _ in range(4))
    repeated.adapt(REPEATED)
    weighted.adapt(X, sample_weight=WEIGHTS)
    streamed.adapt(batches(X, WEIGHTS))
    plain.adapt(X)
    assert_same(values(weighted), values(repeated))
    assert_same(values(streamed), values(repeated))
    assert any(
        np.any(u != v) for u, v in zip(values(plain), values(repeated), strict=True)
    )


@pytest.mark.parametrize("name", ADAPTED)
def test_weight_zero_drops_a_row_whatever_is_in_it(name):
    weighted, without = ADAPTED[name](), ADAPTED[name]()
    rows = np.concatenate([X, [[np.nan, 1e30]]])
    weighted.adapt(rows, sample_weight=np.r_[np.ones(50), 0.0])
    without.adapt(X)
    assert_same(values(weighted), values(without))


@pytest.mark.parametrize("name", ADAPTED)
@pytest.mark.parametrize(
    "weights",
    [-np.ones(50), np.full(50, np.nan), np.ones(49), np.zeros(50), ["a"] * 50],
    ids=["negative", "NaN", "too few", "zeros", "text"],
)
def test_bad_weights(name, weights):
    with pytest.raises(ValueError, match=r"adapt.*(sample_weight|weights of 0)"):
        ADAPTED[name]().adapt(X, sample_weight=weights)


def test_the_order_and_the_scale_of_weights():
    for levels in (np.array([0.0, 0.1, 0.5, 0.77, 1.0]), np.linspace(0, 1, 31)):
        ones = np.ones(50)
        expected = np.quantile(X, levels, axis=0)
        for weights in (ones, 0.25 * ones, 1.0 / 3.0 * ones):
            found = quantiles(Weighted(X, weights), levels)
            np.testing.assert_allclose(found, expected, rtol=1e-9)
        some = WEIGHTS > 0
        found = quantiles(Weighted(X[some], WEIGHTS[some].astype(float)), levels)
        np.testing.assert_allclose(found, np.quantile(REPEATED, levels, axis=0))


# In `fit`, `evaluate` and metrics.


def with_standardize():
    layers = [bijectors.Affine.trainable(2), bijectors.Standardize(2)]
    return Flow(StandardNormal(2), bijectors.Chain(layers[::-1]))


def model_of(flow=None, rate=0.1, **options):
    model = FlowModel(with_standardize() if flow is None else flow, seed=0)
    options = {"run_eagerly": True, "metrics": ["nats"]} | options
    model.compile(keras.optimizers.SGD(rate), **options)
    return model


def test_fit_is_that_of_repeated_rows():
    weighted, repeated, streamed = model_of(), model_of(), model_of()
    options = {"epochs": 3, "verbose": 0}
    a = weighted.fit(X, sample_weight=WEIGHTS, batch_size=50, **options).history
    b = repeated.fit(REPEATED, batch_size=len(REPEATED), **options).history
    stream = tf.data.Dataset.from_tensors((X, WEIGHTS.astype("float32")))
    stream = stream.map(lambda x, w: (x, None, w))
    c = streamed.fit(stream, **options).history
    for history in (a, b, c):
        np.testing.assert_allclose(history["loss"], b["loss"], rtol=1e-5)
        np.testing.assert_allclose(history["nats"], history["loss"], rtol=1e-5)
    assert_same(weighted.get_weights(), repeated.get_weights())
    assert_same(streamed.get_weights(), repeated.get_weights())


@pytest.mark.parametrize("batch_size", [7, 50])
def test_loss_and_nats_agree(batch_size):
    """Also in `evaluate`, for held-out rows, and of fractions."""
    model = model_of(rate=0.0)
    weights = WEIGHTS / 7.0
    model.adapt(X, sample_weight=weights)
    options = {"batch_size": batch_size, "verbose": 0}
    nll = -model.predict(X, verbose=0)
    expected = np.sum(nll * weights) / weights.sum()
    found = model.evaluate(X, sample_weight=weights, **options)
    np.testing.assert_allclose(found, [expected] * 2, rtol=1e-5)
    history = model.fit(
        X,
        sample_weight=weights,
        validation_data=(X, None, weights),
        **options,
    ).history
    for name in ("loss", "nats", "val_loss", "val_nats"):
        np.testing.assert_allclose(history[name], [expected], rtol=1e-5, err_msg=name)


def test_rows_of_weight_zero_may_hold_anything():
    rows = np.concatenate([X, [[np.nan, 1e38]]])
    weights = np.r_[np.ones(50), 0.0]

    def stream(x, weights):
        dataset = tf.data.Dataset.from_tensors((x, weights.astype("float32")))
        return dataset.map(lambda x, w: (x, None, w))

    for weighted_by in ("rows", "stream"):
        a, b = model_of(), model_of()
        if weighted_by == "rows":
            a.fit(rows, sample_weight=weights, batch_size=51, verbose=0)
        else:
            a.fit(stream(rows, weights), verbose=0)
        b.fit(X, batch_size=50, verbose=0)
        assert_same(a.get_weights(), b.get_weights())


def test_a_row_outside_the_support_of_weight_zero():
    """Its loss is infinite and its gradient NaN."""
    layers = [bijectors.Bound(0.0, 10.0), bijectors.Affine.trainable(1)]
    flow = Flow(StandardNormal(1), bijectors.Chain(layers))
    model = model_of(flow)
    rows = np.array([[1.0], [2.0], [-5.0]])
    history = model.fit(rows, sample_weight=[1.0, 1.0, 0.0], verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("kind", ["rows", "dataset"])
def test_a_layer_of_the_users_that_takes_no_weights_is_named(kind):
    class Mine(bijectors.Affine):
        adapted = False

        def adapt(self, data):
            raise AssertionError

    flow = Flow(StandardNormal(2), Mine(tf.Variable([0.0, 0.0]), [0.0, 0.0]))
    data = {"x": X, "sample_weight": WEIGHTS}
    if kind == "dataset":
        rows = tf.data.Dataset.from_tensors((X, WEIGHTS.astype("float32")))
        data = {"x": rows.map(lambda x, w: (x, None, w))}
    with pytest.raises(ValueError, match=r"Mine.*takes no sample_weight"):
        FlowModel(flow).fit(**data)


def test_the_issues_case():
    z = np.random.default_rng(0).normal(size=[50, 1])
    x, w = np.r_[z, [[1e4]]], np.r_[np.ones(50), 0.0]
    standardize = bijectors.Standardize(1)
    flow = tfd.TransformedDistribution(
        flows.maf(1, num_layers=1, hidden_units=[4], seed=0), standardize
    )
    model = FlowModel(flow)
    model.compile(run_eagerly=True)
    model.fit(x, sample_weight=w, verbose=0)
    np.testing.assert_allclose(standardize.scale, [z.std()], rtol=1e-5)
