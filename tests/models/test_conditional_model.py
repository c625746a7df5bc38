"""FlowModel with a context, given as it is or made by an encoder."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows.distributions import Family

C = np.random.default_rng(0).normal(size=(96, 3)).astype("float32")
X = (C[:, :2] * [2.0, 1.0] + 3.0).astype("float32")
X += np.random.default_rng(1).normal(scale=0.3, size=X.shape).astype("float32")
IMAGES = np.random.default_rng(2).normal(size=(96, 4, 4, 1)).astype("float32")


def make(encoder=None, **options):
    flow = tfp_flows.flows.maf(
        2, context_size=3, num_layers=2, hidden_units=[8], seed=0
    )
    model = tfp_flows.FlowModel(flow, encoder=encoder)
    model.compile(keras.optimizers.Adam(0.02), run_eagerly=True, **options)
    return model


def image_encoder(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )


def test_fit_evaluate_predict_sample():
    model = make()
    before = model.evaluate(C, X, verbose=0)
    history = model.fit(
        C, X, batch_size=32, epochs=3, validation_data=(C, X), verbose=0
    ).history
    after = model.evaluate(C, X, verbose=0)
    assert after < before - 0.5
    assert history["val_loss"][-1] == pytest.approx(after, rel=1e-4)
    log_prob = model.predict((C, X), verbose=0)
    np.testing.assert_allclose(-log_prob.mean(), after, rtol=1e-4)
    np.testing.assert_allclose(
        log_prob, model.family(C).log_prob(X), rtol=1e-3, atol=1e-4
    )
    assert model.sample(5, context=C[:4], seed=0).shape == [5, 4, 2]
    np.testing.assert_array_equal(
        model.sample(5, context=C[:4], seed=0), model.sample(5, context=C[:4], seed=0)
    )


def test_each_point_keeps_its_context_when_rows_are_shuffled():
    """A contexts' dependence so strong that mixed rows would never fit it."""
    model = make()
    model.fit(C, X, batch_size=32, epochs=25, verbose=0)
    shuffled = np.random.default_rng(0).permutation(len(C))
    assert (
        model.evaluate(C, X, verbose=0)
        < model.evaluate(C[shuffled], X, verbose=0) - 1.0
    )


def stream(*parts):
    return tf.data.Dataset.from_tensor_slices(parts).batch(32)


def generator(*parts):
    def batches():
        while True:
            for i in range(0, 96, 32):
                yield tuple(None if p is None else p[i : i + 32] for p in parts)

    return batches()


WEIGHTS = np.linspace(0.0, 2.0, 96).astype("float32")


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["memory", "dataset", "generator", "splits"])
def test_all_ways_of_giving_data_agree(kind, weights):
    extra = () if weights is None else (weights,)
    models = []
    for way in ("memory", kind):
        model = make()
        options = {"epochs": 2, "verbose": 0}
        if way == "memory":
            options |= {"batch_size": 32, "shuffle": False, "sample_weight": weights}
            model.fit(C, X, **options)
        elif way == "dataset":
            model.fit(stream(C, X, *extra), **options)
        elif way == "generator":
            model.fit(generator(C, X, *extra), steps_per_epoch=3, **options)
        else:
            for _ in range(2):
                for i in range(0, 96, 32):
                    w = None if weights is None else weights[i : i + 32]
                    rows = slice(i, i + 32)
                    model.train_on_batch(C[rows], X[rows], sample_weight=w)
        models.append(model)
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_validation_split_and_streams_of_inference():
    model = make()
    history = model.fit(C, X, validation_split=0.25, epochs=1, verbose=0).history
    held_out = model.evaluate(C[72:], X[72:], verbose=0)
    assert history["val_loss"][0] == pytest.approx(held_out, rel=1e-4)
    expected = model.predict((C, X), verbose=0)
    np.testing.assert_allclose(model.predict(stream(C, X), verbose=0), expected, 1e-5)
    nll = model.evaluate(stream(C, X), verbose=0)
    assert nll == pytest.approx(-expected.mean(), rel=1e-4)


def test_an_encoder_is_trained_end_to_end():
    encoder = image_encoder()
    model = make(encoder)
    before = [w.copy() for w in encoder.get_weights()]
    loss = model.evaluate(IMAGES, X, verbose=0)
    model.fit(IMAGES, X, epochs=5, verbose=0, validation_data=(IMAGES, X))
    assert model.evaluate(IMAGES, X, verbose=0) < loss - 0.2
    for old, new in zip(before, encoder.get_weights(), strict=True):
        assert np.any(old != new)
    assert model.sample(5, context=IMAGES[:4]).shape == [5, 4, 2]
    text = []
    model.summary(print_fn=text.append)
    total = sum(int(np.prod(w.shape)) for w in model.weights)
    assert encoder.name in text[0] and f"{total:,}" in text[0]


def test_an_encoder_of_words():
    """Whole numbers stay whole numbers."""
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(10, 4),
            keras.layers.GRU(3),
        ]
    )
    model = make(encoder)
    words = np.random.default_rng(0).integers(0, 10, size=(96, 5))
    model.fit(words, X, epochs=1, verbose=0)
    assert model.predict((words, X), verbose=0).shape == (96,)


def test_dropout_of_an_encoder_is_for_training_alone():
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5)])
    model = make(encoder)
    model.fit(C, X, epochs=1, verbose=0)
    a, b = (model.predict((C, X), verbose=0) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    again = model((C, X), training=True)
    assert np.any(np.abs(again - a) > 1e-3)


def test_a_trained_network_in_graph_and_xla():
    losses = []
    for options in ({"jit_compile": False}, {"jit_compile": True}):
        model = make()
        model.compile(keras.optimizers.Adam(0.02), **options)
        losses.append(
            model.fit(C, X, epochs=2, batch_size=32, verbose=0).history["loss"]
        )
    np.testing.assert_allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize("kind", ["memory", "dataset"])
def test_fit_adapts_layers_behind_a_conditional_one(kind):
    """A layer that starts from data sees them as the context brings them to it."""
    flow = tfp_flows.flows.maf(2, context_size=3, num_layers=1, seed=0).distribution
    rng = np.random.default_rng(0)
    for v in flow.trainable_variables:
        v.assign(rng.normal(scale=0.3, size=v.shape))
    inner = tfp_flows.bijectors.Standardize(2)
    chain = tfb.Chain([tfp_flows.bijectors.Standardize(2), flow.bijector, inner])
    flow = Family(tfd.TransformedDistribution(flow.distribution, chain))
    model = tfp_flows.FlowModel(flow)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    data = (C, X) if kind == "memory" else (stream(C, X),)
    model.fit(*data, epochs=1, verbose=0)
    # At the base all has mean 0 and deviation 1, which no other statistics give.
    z = flow(C).bijector.inverse(X).numpy()
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-4)


MISTAKES = {
    "no context": (lambda m: m.fit(X), ValueError, "conditional.*fit\\(context, x\\)"),
    "no context to evaluate": (lambda m: m.evaluate(X), ValueError, "conditional"),
    "no context to predict": (
        lambda m: m.predict(X),
        ValueError,
        r"predict\(\(context, x\)\)",
    ),
    "no context to sample": (
        lambda m: m.sample(3),
        ValueError,
        "conditional.*but got none",
    ),
    "other rows": (
        lambda m: m.fit(C[:50], X),
        ValueError,
        "50 contexts for 96 points",
    ),
    "other size": (
        lambda m: m.fit(C[:, :2], X),
        ValueError,
        r"context must have shape \[N, 3\].*\(96, 2\)",
    ),
    "the wrong way round": (
        lambda m: m.fit(X, C),
        ValueError,
        r"must have shape \[N, 2\].*\(96, 3\)",
    ),
    "not finite": (
        lambda m: m.fit(np.where(C > 2.0, np.nan, C), X),
        ValueError,
        "context must be finite in float32, but row",
    ),
    "words": (
        lambda m: m.fit(np.full([96, 3], "a"), X),
        TypeError,
        "context must be real numbers",
    ),
    "validation without a context": (
        lambda m: m.fit(C, X, validation_data=X),
        ValueError,
        "validation_data",
    ),
    "validation of other rows": (
        lambda m: m.fit(C, X, validation_data=(C[:5], X)),
        ValueError,
        "validation_data: the context.*5 contexts for 96",
    ),
    "a stream without contexts": (
        lambda m: m.fit(stream(X)),
        ValueError,
        r"no context: give \(context, x\)",
    ),
    "a stream with contexts of another size": (
        lambda m: m.fit(stream(C[:, :2], X)),
        ValueError,
        r"\[N, 3\] \(the flow's contexts have",
    ),
    "a stream that is not finite": (
        lambda m: m.fit(stream(np.where(C > 2.0, np.nan, C), X)),
        ValueError,
        "finite",
    ),
    "a stream and points beside it": (
        lambda m: m.fit(stream(C, X), X),
        ValueError,
        "is a stream",
    ),
    "a generator without contexts": (
        lambda m: m.fit(generator(X), steps_per_epoch=1),
        ValueError,
        "no context",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(mistake):
    call, error, message = mistake
    model = make()
    before = model.get_weights()
    with pytest.raises(error, match=f"(?s){message}"):
        call(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_flow_without_a_context_refuses_one():
    model = tfp_flows.FlowModel(tfp_flows.flows.linear(2))
    with pytest.raises(ValueError, match="no targets"):
        model.fit(C, X)
    with pytest.raises(ValueError, match="takes no context"):
        model.sample(3, context=C)
    with pytest.raises(ValueError, match=r"encoder makes a context.*context_size"):
        tfp_flows.FlowModel(tfp_flows.flows.linear(2), encoder=image_encoder())


ENCODERS = {
    "no layer": (lambda: np.tanh, TypeError, "must be a Keras layer"),
    "not built": (lambda: keras.layers.Dense(3), ValueError, "not built"),
    "other outputs": (
        lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)]),
        ValueError,
        r"\[N, 3\], but the encoder.*5",
    ),
}


@pytest.mark.parametrize("mistake", ENCODERS.values(), ids=ENCODERS)
def test_encoders_that_do_not_fit(mistake):
    encoder, error, message = mistake
    with pytest.raises(error, match=f"(?s){message}"):
        make(encoder())
