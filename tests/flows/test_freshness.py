"""Nothing that a flow gives is looked up: values, log-determinants and gradients."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors import Affine, Chain, Invert
from tfp_flows.distributions import Flow
from tfp_flows.testing import FLOW_EXAMPLES

DENSITIES = [n for n in FLOW_EXAMPLES if n not in ("dequantization", "pixel_cnn")]


def make(name):
    """The flow of the example, with its weights moved, and points."""
    example = FLOW_EXAMPLES[name]
    flow = example.make()
    if example.context_size is not None:
        flow = flow(tf.ones([example.context_size]))
    move(flow, 0)
    return flow, tf.constant(example.x[:2], tf.float32)


def move(flow, seed):
    rng = np.random.default_rng(seed)
    for v in flow.trainable_variables:
        v.assign_add(0.1 * rng.normal(size=v.shape))


@pytest.mark.parametrize("name", DENSITIES)
def test_flow(name):
    flow, x = make(name)
    by_hand = tfd.TransformedDistribution(flow.distribution, flow.bijector)
    before = flow.log_prob(x)
    by_hand.log_prob(x)
    move(flow, 1)
    after = flow.log_prob(x)
    np.testing.assert_array_equal(after, flow.log_prob(tf.identity(x)))
    np.testing.assert_allclose(after, by_hand.log_prob(x), rtol=1e-3, atol=1e-3)
    assert np.abs(after - before).max() > 1e-4

    @tf.function
    def in_one_trace(x):
        first = flow.log_prob(x)
        for v in flow.trainable_variables:
            v.assign_sub(0.05 * tf.ones_like(v))
        return first, flow.log_prob(x)

    first, second = in_one_trace(x)
    np.testing.assert_allclose(first, after, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(second, flow.log_prob(x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", DENSITIES)
def test_gradient_at_its_own_samples_and_unknown_rank(name):
    flow, x = make(name)

    @tf.function
    def gradients():
        points = flow.sample(2, seed=[0, 1])
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(points)
            at_own = flow.log_prob(points)
            at_copy = flow.log_prob(tf.identity(points))
        return tape.gradient(at_own, points), tape.gradient(at_copy, points)

    at_own, at_copy = gradients()
    np.testing.assert_allclose(at_own, at_copy, rtol=1e-4, atol=1e-4)
    assert np.abs(at_own).min(axis=0).max() > 0

    unknown = tf.function(flow.log_prob, input_signature=[tf.TensorSpec(None)])
    expected = flow.log_prob(x)
    for points, values in (
        (x, expected),
        (x[0], expected[0]),
        (tf.stack([x, x]), tf.stack([expected, expected])),
    ):
        np.testing.assert_allclose(unknown(points), values, rtol=1e-3, atol=1e-3)


def test_flow_is_a_drop_in_around_bijectors_of_tfp():
    scale = tf.Variable([1.0, 2.0])
    base = tfd.Sample(tfd.Normal(0.0, 1.0), [2])
    chain = tfb.Chain([tfb.Invert(tfb.Exp()), tfb.Scale(scale), tfb.Exp()])
    flow, theirs = Flow(base, chain), tfd.TransformedDistribution(base, chain)
    ours = tfd.TransformedDistribution(base, Affine.trainable(2))
    assert isinstance(flow, type(ours))
    x = flow.sample(3, seed=[0, 1])
    np.testing.assert_allclose(x, theirs.sample(3, seed=[0, 1]), rtol=1e-6)
    np.testing.assert_allclose(flow.log_prob(x), theirs.log_prob(x + 0.0), rtol=1e-5)
    drawn, log_prob = flow.experimental_sample_and_log_prob(3, seed=[0, 1])
    np.testing.assert_allclose(log_prob, flow.log_prob(drawn), rtol=1e-5)
    flow.log_prob(x)
    scale.assign_add([1.0, 1.0])
    np.testing.assert_array_equal(flow.log_prob(x), flow.log_prob(tf.identity(x)))
    copy = flow.copy(name="another")
    assert isinstance(copy, Flow) and copy.bijector is chain


def test_flow_of_numbers_and_of_a_bijector_that_is_not_injective():
    normal = tfd.Normal(0.0, 1.0)
    lognormal = Flow(normal, tfb.Exp())
    x = tf.constant([0.5, 2.0])
    np.testing.assert_allclose(lognormal.cdf(x), normal.cdf(tf.math.log(x)), rtol=1e-5)
    np.testing.assert_allclose(
        lognormal.survival_function(x), 1.0 - lognormal.cdf(x), rtol=1e-5
    )
    np.testing.assert_allclose(lognormal.prob(x), tf.exp(lognormal.log_prob(x)))
    folded = Flow(normal, tfb.AbsoluteValue())
    np.testing.assert_allclose(folded.log_prob(x), normal.log_prob(x) + np.log(2.0))
    with pytest.raises(TypeError, match="bijector must be a Bijector, but got 3"):
        Flow(normal, 3)


class Counting(Affine):
    """Counts how often it is evaluated."""

    calls = 0

    def _inverse_and_log_det(self, y):
        type(self).calls += 1
        return super()._inverse_and_log_det(y)

    def _forward_and_log_det(self, x):
        type(self).calls += 1
        return super()._forward_and_log_det(x)


@pytest.mark.parametrize("chain", [tfb.Chain, Chain])
def test_the_chain_is_walked_once(chain):
    layers = [Counting.trainable(2), tfb.Invert(Counting.trainable(2))]
    inner = chain([Invert(Counting.trainable(2)), chain(layers)])
    flow = Flow(tfd.MultivariateNormalDiag(tf.zeros(2)), tfb.Invert(inner))
    for evaluate in (
        lambda: flow.log_prob(tf.zeros([3, 2])),
        lambda: flow.sample(3),
        lambda: flow.experimental_sample_and_log_prob(3),
    ):
        Counting.calls = 0
        evaluate()
        assert Counting.calls == 3


@pytest.mark.parametrize("name", ["maf", "planar"])
def test_a_family_takes_contexts_of_unknown_sizes(name):
    family = FLOW_EXAMPLES[name].make(context_size=3)
    context, x = tf.ones([2, 3]), tf.zeros([2, 2])
    expected = family(context).log_prob(x)
    for shape in ([None, None], [None, 3]):

        @tf.function(input_signature=[tf.TensorSpec(shape), tf.TensorSpec(None)])
        def log_prob(context, x):
            return family(context).log_prob(x)

        np.testing.assert_allclose(log_prob(context, x), expected, rtol=1e-5)


def test_unknown_rank_in_tfps_own_class():
    bijector = Affine.trainable(2)
    theirs = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag([0.0, 0.0]), bijector
    )
    log_prob = tf.function(theirs.log_prob, input_signature=[tf.TensorSpec(None)])
    x = tf.ones([3, 2])
    np.testing.assert_allclose(log_prob(x), theirs.log_prob(x), rtol=1e-6)
