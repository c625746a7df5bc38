"""Networks whose hidden units are computed again: the same values and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import conditioners, flows
from tfp_flows.bijectors import Affine, Autoregressive, Coupling
from tfp_flows.bijectors.shared_programs import apart

SMALL = {"num_layers": 2, "hidden_units": [4], "dtype": "float64"}
MAKE = {
    "coupling": lambda **options: flows.nsf(4, num_bins=2, **SMALL, **options),
    "autoregressive": lambda **options: flows.maf(4, **SMALL, **options),
}


def noisy(flow):
    rng = np.random.default_rng(1)
    for variable in flow.trainable_variables:
        variable.assign(rng.normal(scale=0.3, size=variable.shape))
    return flow


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("coupling", "eager"),
        ("coupling", "XLA"),
        ("autoregressive", "graph"),
        ("autoregressive", "apart"),
    ],
)
def test_values_and_both_derivatives(name, way):
    rng = np.random.default_rng(0)
    x, context = (tf.constant(rng.normal(size=size)) for size in ([6, 4], [6, 2]))

    def derivatives(family, x, context):
        with tf.GradientTape() as outer:
            outer.watch([x, context])
            with tf.GradientTape() as inner:
                inner.watch(x)
                log_prob = family(context).log_prob(x)
            slopes = inner.gradient(log_prob, x)
        sources = [x, context, *family.trainable_variables]
        return log_prob, slopes, outer.gradient(slopes, sources)

    found = []
    for recompute in (False, True):
        family = noisy(MAKE[name](context_size=2, recompute=recompute, seed=0))
        function = lambda x, c, family=family: derivatives(family, x, c)  # noqa: E731
        if way != "eager":
            function = tf.function(function, jit_compile=way == "XLA", autograph=False)
        if way == "apart":
            with apart():
                found.append(function(x, context))
        else:
            found.append(function(x, context))
    for these, those in zip(*map(tf.nest.flatten, found), strict=True):
        np.testing.assert_allclose(these, those, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("jit_compile", ["auto", False])
def test_fit_trains_the_same(jit_compile):
    x = np.random.default_rng(0).normal(size=[32, 4])
    weights = []
    for recompute in (False, True):
        model = tfp_flows.FlowModel(MAKE["coupling"](recompute=recompute, seed=0))
        model.compile(keras.optimizers.Adam(0.01), jit_compile=jit_compile)
        before = model.get_weights()
        model.fit(x, batch_size=16, epochs=2, verbose=0)
        weights.append(model.get_weights())
        for old, new in zip(before, weights[-1], strict=True):
            assert np.any(old != new)
    for these, those in zip(*weights, strict=True):
        np.testing.assert_allclose(these, those, rtol=1e-6, atol=1e-9)


def stateless_gradients(layer, variables):
    def gradients(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            pairs = list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=pairs):
                y = layer.inverse(tf.ones([3, 2]))
        return tape.gradient(y, values)

    return gradients


def test_values_of_a_stateless_scope():
    """Gradients belong to the weights that a scope has put in their place."""
    found = []
    for recompute in (False, True):
        layer = Autoregressive(
            conditioners.MADE(2, [4], seed=0), Affine.spec(), recompute=recompute
        )
        variables = layer.conditioner.layer.variables
        values = [tf.ones_like(v.value) * 0.3 for v in variables]

        found.append(tf.function(stateless_gradients(layer, variables))(values))
        assert any(np.any(part) for part in found[-1])
    for these, those in zip(*found, strict=True):
        np.testing.assert_allclose(these, those, rtol=1e-6)


@pytest.mark.parametrize(
    "network",
    [
        keras.Sequential([keras.Input([1]), keras.layers.Dense(2)]),
        conditioners.MLP([4], activation=lambda x: x * np.pi),
        lambda x: tf.concat([x, x], axis=-1),
    ],
)
def test_networks_that_may_change_are_refused(network):
    with pytest.raises(ValueError, match=r"recompute=True.*shares_programs"):
        Coupling(network, Affine.spec(), [True, False], recompute=True)


def test_what_is_no_flag_is_refused():
    with pytest.raises(TypeError, match="recompute must be True or False, but got 1"):
        flows.maf(2, recompute=1)
    with pytest.raises(TypeError, match="recompute must be True or False, but got 'y'"):
        Coupling(conditioners.MLP([4]), Affine.spec(), [True, False], recompute="y")


def test_it_is_saved(tmp_path):
    model = tfp_flows.FlowModel(MAKE["coupling"](recompute=True, seed=0))
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for layer in loaded.distribution.bijector.bijectors:
        assert layer.recomputes("inverse")
