"""Two tiers of compiled steps: the same training, whichever runs, and nothing else."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import tfp_flows
from tfp_flows import flows
from tfp_flows.bijectors import BatchNormalization, Chain
from tfp_flows.models import execution, tiers
from tfp_flows.objectives import Objective

CHANGE = 5


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=[50, 2]).astype("float32")


@pytest.fixture(autouse=True)
def early_change(monkeypatch):
    monkeypatch.setattr(tiers, "CHANGE", CHANGE)


@pytest.fixture
def compilations(monkeypatch):
    """The compilations of the whole that were started by another thread."""
    started = []

    class Counted(tiers.Compilation):
        def __init__(self, *args):
            started.append(self)
            super().__init__(*args)

    monkeypatch.setattr(tiers, "Compilation", Counted)
    return started


def small_flow(**options):
    """Two layers of one structure."""
    return flows.real_nvp(2, num_layers=2, hidden_units=[4], seed=0, **options)


def make(jit_compile="auto", flow=None, **options):
    model = tfp_flows.FlowModel(small_flow() if flow is None else flow)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=jit_compile, **options)
    return model


def values(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(variable) for variable in variables]


def fit(model, x, **options):
    options = {"batch_size": 8, "epochs": 3, "verbose": 0} | options  # The last of 2.
    return model.fit(x, **options).history["loss"]


def require_equal(these, those, **tolerances):
    for this, that in zip(these, those, strict=True):
        np.testing.assert_allclose(this, that, **tolerances)


def test_what_is_trained_is_the_same(x, compilations):
    losses, weights = {}, {}
    for jit_compile in ("auto", True, False):
        model = make(jit_compile)
        losses[jit_compile] = fit(model, x, validation_data=x[:9])
        weights[jit_compile] = values(model)
        assert isinstance(model.train_function, tiers.TrainFunction) == (
            jit_compile == "auto"
        )
    assert len(compilations) == 1
    for other in (True, False):
        require_equal(losses["auto"], losses[other], rtol=1e-5)
        require_equal(weights["auto"], weights[other], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("steps_per_execution", ["auto", 3])
def test_the_change_is_at_a_fixed_step(x, steps_per_execution, monkeypatch):
    ran, in_tier = [], tiers.in_tier

    def recorded(tier, function):
        def run(*args):
            ran.append((tier, int(model.optimizer.iterations)))
            return in_tier(tier, function)(*args)

        return run

    monkeypatch.setattr(tiers, "in_tier", recorded)
    model = make(steps_per_execution=steps_per_execution)
    fit(model, x, epochs=2)
    assert {tier for tier, _ in ran} == {tiers.Tier.APART, tiers.Tier.WHOLE}
    for tier, iterations in ran:
        assert (tier is tiers.Tier.WHOLE) == (iterations >= CHANGE)


def test_two_runs_are_equal_bit_by_bit(x):
    runs = [values(m) for m in (make(), make()) if fit(m, x)]
    require_equal(*runs, rtol=0, atol=0)


def test_a_resumed_run_ends_as_an_uninterrupted_one(x, tmp_path):
    x = x[:24]  # Three steps an epoch.
    whole, killed = make(), make()
    fit(whole, x, epochs=3)
    saved = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras"))
    fit(killed, x, epochs=3, callbacks=[saved])
    resumed = keras.models.load_model(tmp_path / "1.keras")
    fit(resumed, x, epochs=3, initial_epoch=resumed.epoch)
    require_equal(values(resumed), values(whole), rtol=0, atol=0)


def test_a_run_that_is_known_to_end_before_compiles_nothing(x, compilations):
    model = make()
    fit(model, x[:16], epochs=2)
    assert int(model.optimizer.iterations) < CHANGE and not compilations
    fit(model, x[:16], epochs=2)  # Now it goes beyond.
    assert len(compilations) == 1
    fit(model, x[:16], epochs=2)
    assert len(compilations) == 1


class _Dropped(keras.layers.Layer):
    """An encoder with a state of its own: the seed of its dropout."""

    def __init__(self):
        super().__init__()
        self.dense, self.dropout = keras.layers.Dense(2), keras.layers.Dropout(0.5)
        self.count = self.add_weight(name="count", initializer="zeros", trainable=False)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x, training=None):
        self.count.assign_add(1.0)
        return self.dropout(self.dense(x), training=training)


def stateful_model():
    """With moments of batches, seeds, a counter and metrics."""
    flow = small_flow(context_size=2)
    bijector = Chain([BatchNormalization.trainable(2), flow.distribution.bijector])
    family = tfp_flows.distributions.Family(
        tfp_flows.distributions.Flow(flow.distribution.distribution, bijector)
    )
    encoder = _Dropped()
    encoder.build((None, 3))
    model = tfp_flows.FlowModel(family, encoder=encoder)
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, global_clipnorm=1.0)
    model.compile(optimizer, metrics=["nats"])
    return model


def test_compiling_changes_nothing(x):
    model, reference = stateful_model(), stateful_model()
    contexts = np.random.default_rng(1).normal(size=[50, 3]).astype("float32")
    model.fit(contexts, x, batch_size=8, epochs=1, verbose=0)
    before = values(model)
    batch = {"x": x[:8], "context": contexts[:8]}
    spec = ({k: tf.TensorSpec(v.shape, v.dtype) for k, v in batch.items()},)
    batch = tf.nest.map_structure(tf.constant, (batch,))
    for _ in range(2):
        tiers.Compilation(model._whole_step, spec, [batch]).wait()
    require_equal(values(model), before, rtol=0, atol=0)
    assert any(np.any(a != b) for a, b in zip(before, values(reference), strict=True))


def test_states_move_on_in_both_tiers(x):
    contexts = np.random.default_rng(1).normal(size=[50, 3]).astype("float32")
    model = stateful_model()
    moments = [v for v in model.non_trainable_variables if v.shape == (2,)]
    before = [moment.numpy() for moment in moments]
    model.fit(contexts, x, batch_size=8, epochs=3, verbose=0)
    assert float(model.encoder.count) == int(model.optimizer.iterations) == 21
    assert int(model.encoder.dropout.seed_generator.state[1]) == 21
    assert len(moments) >= 2
    for moment, start in zip(moments, before, strict=True):
        assert np.any(moment.numpy() != start)


def inverted():
    flow = flows.maf(2, num_layers=2, hidden_units=[4], seed=0)
    return tfp_flows.distributions.Flow(flow.distribution, tfb.Invert(flow.bijector))


def with_a_network_of_the_users():
    network = keras.Sequential([keras.Input([1]), keras.layers.Dense(2)])
    layers = [
        tfp_flows.bijectors.Coupling(
            network, tfp_flows.bijectors.Affine.spec(), mask=mask
        )
        for mask in ([True, False], [False, True])
    ]
    return tfp_flows.distributions.Flow(
        tfp_flows.distributions.StandardNormal(2), Chain(layers)
    )


@pytest.mark.parametrize(
    "make_flow",
    [
        lambda: flows.planar(2, num_layers=2, seed=0),
        lambda: flows.made(2, seed=0),  # Of one layer, which shares with none.
        inverted,
        with_a_network_of_the_users,
    ],
)
def test_other_flows_are_compiled_as_a_whole(make_flow, x, compilations):
    model = make(flow=make_flow())
    fit(model, x)
    assert not isinstance(model.train_function, tiers.TrainFunction)
    assert not compilations


def test_a_step_of_the_users_is_compiled_by_keras(x):
    class Own(tfp_flows.FlowModel):
        def train_step(self, packed):
            in_xla.append(tfp_flows.math.in_xla())
            return super().train_step(packed)

    in_xla = []
    model = Own(small_flow())
    fit(model, x)
    assert in_xla and all(in_xla)


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": False}])
def test_without_xla(options, x, compilations):
    model = make(**options)
    fit(model, x, epochs=1)
    assert not isinstance(model.train_function, tiers.TrainFunction)
    assert not compilations


def test_streams_and_single_batches_change_too(x, compilations):
    expected = make()
    fit(expected, x[:48], shuffle=False)
    stream, by_hand = make(), make()
    dataset = tf.data.Dataset.from_tensor_slices(x[:48]).batch(8)
    stream.fit(dataset, epochs=3, verbose=0)
    for _ in range(3):
        for batch in np.split(x[:48], 6):
            by_hand.train_on_batch(batch)
    assert len(compilations) == 1  # Of streams no example is taken.
    for model in (stream, by_hand):
        require_equal(values(model)[:-2], values(expected)[:-2], rtol=1e-4, atol=1e-7)


def test_evaluations_of_many_batches_are_compiled_as_a_whole(x):
    model = make()
    fit(model, x, epochs=1)
    for evaluate in (model.evaluate, model.predict):
        few = evaluate(x, batch_size=25, verbose=0)
        many = evaluate(x, batch_size=5, verbose=0)
        np.testing.assert_allclose(few, many, rtol=1e-5)
    kinds = {key[0]: set() for key in model._functions._functions}
    for name, _, is_long in model._functions._functions:
        kinds[name].add(is_long)
    assert kinds["test_function"] == kinds["predict_function"] == {False, True}


class _WithoutKernel(Objective):
    """An objective with an operation that XLA cannot compile."""

    def per_row(self, family, batch, *, training=None):
        matrix = tf.eye(2) * (1.0 + tf.reduce_mean(batch.x) ** 2)
        _, log_det = tf.linalg.slogdet(matrix)
        return -family(batch.context).log_prob(batch.x) + log_det

    def get_config(self):
        return {}


def test_what_xla_cannot_compile_is_said(x):
    model = make(loss=_WithoutKernel())
    with pytest.raises(ValueError, match=r"jit_compile=False.*LogMatrixDeterminant"):
        fit(model, x)
    assert int(model.optimizer.iterations) >= 1
    model.compile(loss=_WithoutKernel(), jit_compile=False)
    assert np.isfinite(fit(model, x)).all()


def test_no_thread_is_left(x):
    fit(make(), x)
    assert not [t for t in threading.enumerate() if t.name == "tfp_flows_compilation"]


def test_the_number_of_steps_at_once_is_as_ever(x):
    model = make()
    fit(model, x)
    assert model.steps_per_execution == execution.DEFAULT_STEPS
