"""The bound of a normal latent variable, whose exact density is known."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.distributions import LowerBound

X = np.array([-2.0, 0.0, 0.5, 3.0], "float32")


class SumOfTwo(LowerBound):
    """x = u + ε, ε and u standard normal; the proposal is too wide, and off by 0.3."""

    def __init__(
        self,
        scale=1.0,
        num_samples=1,
        seed=None,
        validate_args=False,
        allow_nan_stats=True,
        name="sum_of_two",
    ):
        parameters = dict(locals())
        self.scale = tf.Variable(scale)
        super().__init__(parameters, dtype=tf.float32)

    def _event_shape(self):
        return tf.TensorShape([])

    def _log_weight(self, x, sample_shape, seed):
        proposal = tfd.Normal(x / 2.0 + 0.3, self.scale)
        u, log_q = proposal.experimental_sample_and_log_prob(sample_shape, seed=seed)
        joint = tfd.Normal(0.0, 1.0).log_prob(u) + tfd.Normal(u, 1.0).log_prob(x)
        return joint - log_q


def exact():
    return tfd.Normal(0.0, np.float32(np.sqrt(2.0))).log_prob(X).numpy()


@pytest.mark.parametrize("k", [1, 4])
def test_the_weights_average_to_the_density(k):
    bound = SumOfTwo().log_prob(np.tile(X, [20_000, 1]), num_samples=k, seed=1)
    weights = np.exp(bound)
    error = weights.std(axis=0) / np.sqrt(len(weights))
    assert np.all(np.abs(weights.mean(axis=0) - np.exp(exact())) < 4.5 * error)


def test_the_bound_gets_tighter():
    def gap(k, count):
        x = np.tile(X, [count, 1])
        return np.mean(exact() - SumOfTwo().log_prob(x, num_samples=k, seed=2).numpy())

    gaps = [gap(1, 4000), gap(4, 4000), gap(256, 100)]
    assert gaps[0] > 3 * gaps[1] > 0.0 and abs(gaps[2]) < 0.01


def test_the_right_proposal_is_exact_and_training_finds_it():
    """The right one but for its mean, off by 0.3."""
    model = SumOfTwo(scale=np.float32(np.sqrt(0.5)))
    gap = exact() - np.mean(model.log_prob(np.tile(X, [4000, 1]), seed=3), axis=0)
    np.testing.assert_allclose(gap, 0.09, atol=0.02)  # KL of two normals.
    with tf.GradientTape() as tape:
        bound = SumOfTwo().log_prob(np.tile(X, [1000, 1]), num_samples=2, seed=3)
        loss = -tf.reduce_mean(bound)
    (scale,) = tape.watched_variables()
    assert tape.gradient(loss, scale) > 0.0  # The scale of 1 is too wide.


def test_random_numbers_go_on_and_copies_share_them():
    model = SumOfTwo(seed=5, num_samples=3)
    copy = model.copy(name="copy")
    assert copy.num_samples == 3 and copy.parameters["name"] == "copy"
    first = [part.log_prob(X).numpy() for part in (model, copy, model)]
    again = SumOfTwo(seed=5, num_samples=3)
    np.testing.assert_array_equal([again.log_prob(X) for _ in range(3)], first)
    assert len(np.unique(first)) == 12
    np.testing.assert_array_equal(
        copy.log_prob(X, seed=1), again.log_prob(X, num_samples=3, seed=[0, 1])
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_graphs(jit_compile):
    model = SumOfTwo(seed=5)
    call = tf.function(
        lambda x: model.log_prob(x, num_samples=2), jit_compile=jit_compile
    )
    graph = [call(X).numpy() for _ in range(2)]
    assert np.all(np.isfinite(graph)) and np.all(graph[0] != graph[1])
    assert [v[1] for v in model.non_trainable_variables] == [2]


def test_it_is_abstract():
    with pytest.raises(TypeError, match=r"abstract.*_log_weight"):
        LowerBound({}, dtype=tf.float32)


@pytest.mark.parametrize(
    "mistake, message",
    [
        ({"num_samples": 0}, "SumOfTwo 'sum_of_two': num_samples must be 1 or more"),
        ({"seed": tf.Variable([1, 2])}, "SumOfTwo 'sum_of_two'.*two numbers of int64"),
    ],
)
def test_mistakes(mistake, message):
    with pytest.raises(ValueError, match=message):
        SumOfTwo(**mistake)
