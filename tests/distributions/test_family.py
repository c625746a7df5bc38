"""Flows given a context: shapes, gradients, agreement with one context at a time."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors as b
from tfp_flows import flows
from tfp_flows.conditioners import MADE, MLP
from tfp_flows.distributions import Family, Flow, StandardNormal
from tfp_flows.testing import FLOW_EXAMPLES
from tfp_flows.variables import KerasModule

SMALL = {"num_layers": 2, "hidden_units": [4], "seed": 0}
FLOWS = {name: e for name, e in FLOW_EXAMPLES.items() if not e.is_of_images}
ALL = pytest.mark.parametrize("name", FLOWS)


def drawn(flow, seed=0):
    """The flow with all weights off their start, where contexts do nothing."""
    rng = np.random.default_rng(seed)
    for v in flow.trainable_variables:
        v.assign_add(rng.normal(scale=0.3, size=v.shape))
    return flow


def make(name, **options):
    return drawn(FLOWS[name].make(context_size=3, **options))


def contexts(*shape, dtype="float32"):
    return tf.constant(np.random.default_rng(7).normal(size=[*shape, 3]), dtype)


def points(*shape, dtype="float32"):
    return tf.constant(np.random.default_rng(8).normal(size=[*shape, 2]), dtype)


@ALL
def test_four_contexts_are_four_densities(name):
    flow = make(name, dtype="float64")
    c = contexts(4, dtype="float64")
    four = flow(c)
    assert isinstance(four, Flow)
    assert four.batch_shape == [4]
    assert four.sample(7, seed=[0, 1]).shape == [7, 4, 2]
    assert four.sample(4, seed=[0, 1]).shape == [4, 4, 2]
    x = points(4, dtype="float64")
    log_probs = four.log_prob(x)
    alone = [flow(c[i]).log_prob(x[i]) for i in range(4)]
    np.testing.assert_allclose(log_probs, alone, rtol=1e-6)
    # Each point under each context.
    table = four.log_prob(x[:, tf.newaxis])
    assert table.shape == [4, 4]
    np.testing.assert_allclose(np.diag(table), log_probs, rtol=1e-6)
    assert np.ptp(table, axis=1).min() > 1e-3


@ALL
def test_samples_follow_their_own_context(name):
    """The log-probability that a sample comes with is that of its context."""
    flow = make(name, dtype="float64")
    four = flow(contexts(4, dtype="float64"))
    x, log_prob = four.experimental_sample_and_log_prob(5, seed=[0, 1])
    np.testing.assert_allclose(four.log_prob(tf.identity(x)), log_prob, rtol=1e-6)


@ALL
def test_the_context_reaches_every_layer(name):
    """All but the base: each network has a gradient, and so has the context."""
    flow = make(name)
    c = contexts(6)
    with tf.GradientTape() as tape:
        tape.watch(c)
        loss = tf.reduce_sum(flow(c).log_prob(points(6)))
    *by_weights, by_context = tape.gradient(loss, [*flow.trainable_variables, c])
    assert all(np.any(gradient) for gradient in by_weights)
    assert np.all(np.any(by_context, axis=-1))


def test_a_density_integrates_to_one_under_each_context():
    flow = drawn(flows.nsf(1, context_size=3, autoregressive=True, **SMALL))
    x = np.linspace(-12.0, 12.0, 4001, dtype="float32")[:, np.newaxis, np.newaxis]
    density = tf.exp(flow(contexts(4)).log_prob(x))
    np.testing.assert_allclose(
        np.trapezoid(density, x[:, 0, 0], axis=0), 1.0, rtol=1e-3
    )


def autoregressive(seed):
    return b.Autoregressive(MADE(2, [4], context_size=3, seed=seed), b.Affine.spec())


def test_nested_chains_inverses_and_a_flow_as_the_base():
    """Also what neither is ours nor takes a context, in between."""
    inner = tfd.TransformedDistribution(StandardNormal(2), autoregressive(0))
    chain = tfb.Chain(
        [
            tfb.Shift([1.0, 2.0]),
            tfb.Invert(tfb.Chain([autoregressive(1), tfb.Scale(2.0)])),
            tfb.Chain([tfb.Chain([autoregressive(2)])]),
        ]
    )
    flow = drawn(Family(tfd.TransformedDistribution(inner, chain)))
    assert len(flow.trainable_variables) == 18
    c = contexts(4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(flow(c).log_prob(points(4)))
    gradients = tape.gradient(loss, flow.trainable_variables)
    assert all(np.any(gradient) for gradient in gradients)
    assert flow(c).sample(5, seed=[0, 1]).shape == [5, 4, 2]


def test_two_batch_dimensions_and_unknown_ones():
    flow = drawn(flows.maf(2, context_size=3, **SMALL))
    c = contexts(2, 4)
    assert flow(c).batch_shape == [2, 4]
    assert flow(c).sample(5, seed=[0, 1]).shape == [5, 2, 4, 2]
    expected = flow(c).log_prob(points(2, 4))

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, 3]), tf.TensorSpec([None, None, 2])]
    )
    def log_prob(c, x):
        return flow(c).log_prob(x)

    np.testing.assert_allclose(log_prob(c, points(2, 4)), expected, rtol=1e-4)


def test_it_starts_at_its_base_and_shares_its_variables():
    flow = flows.maf(2, context_size=3, **SMALL)
    x = points(4)
    np.testing.assert_allclose(
        flow(contexts(4)).log_prob(x), StandardNormal(2).log_prob(x), rtol=1e-5
    )
    ours = {id(v) for v in flow.trainable_variables}
    assert ours == {id(v) for v in flow(contexts(4)).trainable_variables}


def test_a_distribution_alone_is_a_family_without_contexts():
    flow = flows.maf(2, **SMALL)
    family = Family.wrap(flow)
    assert not family.is_conditional and family.context_size is None
    assert family() is flow and Family.wrap(family) is family
    assert len(family.trainable_variables) == len(flow.trainable_variables)


def test_without_a_context_nothing_changes():
    """A layer that takes none is the same object afterwards."""
    shift = tfb.Shift([1.0, 2.0])
    chain = tfb.Chain([shift, autoregressive(0)])
    flow = Family(tfd.TransformedDistribution(StandardNormal(2), chain))
    assert flow(contexts(4)).bijector.bijectors[0] is shift


MISTAKES = {
    "no flow": (lambda: Family(b.Affine.trainable(2)), TypeError, "Affine"),
    "a context that nothing takes": (
        lambda: Family(flows.maf(2, **SMALL))(tf.zeros([4, 3])),
        ValueError,
        "'maf' takes no context.*Conditional",
    ),
    "no context": (
        lambda: flows.maf(2, context_size=3, **SMALL)(),
        ValueError,
        r"'maf' is conditional.*\[..., 3\], but got none",
    ),
    "two sizes": (
        lambda: Family(
            tfd.TransformedDistribution(
                StandardNormal(2),
                tfb.Chain(
                    [
                        autoregressive(0),
                        b.Autoregressive(
                            MADE(2, [4], context_size=2, name="m"),
                            b.Affine.spec(),
                            name="other",
                        ),
                    ]
                ),
            )
        ),
        ValueError,
        "unlike sizes.*3.*2",
    ),
    "a size of zero": (
        lambda: flows.maf(2, context_size=0),
        ValueError,
        "context_size must be 1 or more",
    ),
    "a size that is no integer": (
        lambda: flows.planar(2, context_size=2.5),
        TypeError,
        "context_size must be an integer",
    ),
    "a context of another size": (
        lambda: flows.maf(2, context_size=3)(tf.zeros([4, 2])),
        ValueError,
        r"shape \[..., 3\], but got shape \(4, 2\)",
    ),
    "a scalar": (
        lambda: flows.maf(2, context_size=3)(1.0),
        ValueError,
        r"shape \[..., 3\], but got shape \(\)",
    ),
    "another dtype": (
        lambda: flows.maf(2, context_size=3)(tf.zeros([4, 3], tf.float64)),
        TypeError,
        "float32, but the context is float64",
    ),
    "no context for a predicted layer": (
        lambda: flows.planar(2, context_size=3).distribution.log_prob(points(4)),
        ValueError,
        "takes a context of size 3",
    ),
    "predicted parameters of no bijector": (
        lambda: b.Conditional(3, MLP([4]), 3),
        TypeError,
        "takes a bijector, but got 3",
    ),
    "a bijector without parameters": (
        lambda: b.Conditional(tfb.Tanh(), MLP([4]), 3),
        ValueError,
        "Tanh.*no tensor parameters",
    ),
    "a chain": (
        lambda: b.Conditional(tfb.Chain([b.Planar.trainable(2)]), MLP([4]), 3),
        ValueError,
        "no tensor parameters of its own",
    ),
    "whole numbers alone": (
        lambda: b.Conditional(tfb.Permute([1, 0]), MLP([4]), 3),
        ValueError,
        "no tensor parameters of its own",
    ),
    "a batch shape that is hidden": (
        lambda: Family(
            tfd.TransformedDistribution(
                StandardNormal(4),
                tfb.Blockwise([autoregressive(0), tfb.Scale(2.0)], [2, 2]),
            )
        )(contexts(4)),
        ValueError,
        r"batch shape \(4,\).*Blockwise",
    ),
    "a bijector with a batch shape": (
        lambda: b.Conditional(
            b.Planar(u=tf.zeros([4, 2]), w=tf.zeros([4, 2]), b=tf.zeros([4])),
            MLP([4]),
            3,
        ),
        ValueError,
        r"batch shape \(4,\)",
    ),
    "a predicted layer with a context of another size": (
        lambda: b.Conditional(
            b.Planar.trainable(2), MLP([4]), 3, context=tf.zeros([4, 2])
        ),
        ValueError,
        r"context_size is 3.*\(4, 2\)",
    ),
    "a network with other outputs": (
        lambda: b.Conditional(b.Planar.trainable(2), MLP([4], 4), 3),
        ValueError,
        "must give 5 numbers.*got 4",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(mistake):
    call, error, message = mistake
    with pytest.raises(error, match=f"(?s){message}"):
        call()


def test_a_conditional_parameter_stays_in_its_domain():
    """Radial's α must be positive, whatever a network adds."""
    flow = flows.radial(2, context_size=3, num_layers=1, hidden_units=[], seed=0)
    for v in flow.trainable_variables:
        v.assign(tf.fill(v.shape, -30.0))
    log_prob = flow(tf.ones([4, 3])).log_prob(points(4))
    assert np.all(np.isfinite(log_prob))


PREDICTED = {
    "numbers of each dimension": lambda: b.Affine.trainable(2),
    "lists of each dimension": lambda: b.RationalQuadraticSpline.trainable(
        2, num_bins=3
    ),
    "a constant": lambda: tfb.Shift([1.0, 2.0]),
    "one number for all": lambda: tfb.SinhArcsinh(tf.Variable(0.1), tailweight=1.1),
    "a matrix": lambda: tfb.ScaleMatvecTriL(tf.Variable(tf.eye(2))),
    "TFP's on vectors": lambda: tfb.Householder([0.6, 0.8]),
    "a constraint": lambda: b.Radial.trainable(2, seed=0),
    "a permutation beside": lambda: b.LULinear.trainable(2, permute=True, seed=0),
}


@pytest.mark.parametrize("name", PREDICTED)
def test_the_parameters_of_any_bijector(name):
    """Round trip, Jacobian and batch shape, whatever shape the parameters have."""
    layer = drawn(b.Conditional(PREDICTED[name](), MLP([4], seed=0), 3))
    flow = Family(tfd.TransformedDistribution(StandardNormal(2), layer))
    given = flow(contexts(4))
    assert given.sample(7, seed=[0, 1]).shape == [7, 4, 2]
    x = points(4)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = given.bijector.forward(x)
    np.testing.assert_allclose(
        given.bijector.inverse(tf.identity(y)), x, rtol=1e-4, atol=1e-5
    )
    _, expected = np.linalg.slogdet(tape.batch_jacobian(y, x))
    found = given.bijector.forward_log_det_jacobian(tf.identity(x))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    # The context matters.
    other = flow(-contexts(4)).bijector.forward(tf.identity(x))
    assert np.abs(other - y).max() > 1e-3


@pytest.mark.parametrize("name", ["maf", "planar"])
def test_one_evaluation_of_each_network_for_a_density(name):
    """None to make the flow; with dropout a second one would be of another map."""
    flow = make(name)
    calls = []
    for part in flow.submodules:
        if isinstance(part, KerasModule):
            call = part.layer.call
            part.layer.call = lambda *args, _call=call, **kw: (
                calls.append(1) or _call(*args, **kw)
            )
    given = flow(contexts(4))
    assert not calls
    given.log_prob(points(4))
    assert len(calls) == 2
