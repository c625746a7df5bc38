"""Estimates against closed forms, within a few of their standard errors."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors, estimates, flows
from tfp_flows.distributions import Flow

P = tfd.Normal([0.0, 2.0], [1.0, 0.5])
Q = tfd.Normal([0.5, 1.0], [2.0, 1.0])
LEVELS = [0.05, 0.5, 0.9]
CASES = {
    "kl": (lambda **k: estimates.estimate_kl(P, Q, **k), tfd.kl_divergence(P, Q)),
    "entropy": (lambda **k: estimates.estimate_entropy(P, **k), P.entropy()),
    "mean": (lambda **k: estimates.estimate_mean(P, **k), P.mean()),
    "variance": (lambda **k: estimates.estimate_variance(P, **k), P.variance()),
    "quantiles": (
        lambda **k: estimates.estimate_quantiles(P, LEVELS, **k),
        tf.stack([P.quantile(level) for level in LEVELS]),
    ),
    "level": (
        lambda **k: estimates.estimate_highest_density_level(P, 0.8, **k),
        P.log_prob(P.quantile(0.9)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_standard_errors_cover_the_closed_form(name):
    """As often as a normal error: within one 68 %, within two 95 %."""
    estimate, exact = CASES[name]
    found = [estimate(num_samples=900, batch_size=400, seed=s) for s in range(60)]
    errors = np.array([(e.value - exact) / e.standard_error for e in found])
    assert found[0].value.shape == found[0].standard_error.shape == exact.shape
    assert all(e.num_samples == 900 for e in found)
    assert 0.53 < (np.abs(errors) < 1).mean() < 0.83
    assert (np.abs(errors) < 2).mean() > 0.88


@pytest.mark.parametrize("name", CASES)
def test_seeds_and_batches(name):
    estimate, _ = CASES[name]
    one, same, other = (estimate(num_samples=50, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.value, same.value)
    assert (one.value != other.value).all()


def test_batches_bound_what_is_drawn_at_once():
    sizes = []

    class Counted(tfd.Normal):
        def _sample_n(self, n, seed=None):
            sizes.append(int(n))
            return super()._sample_n(n, seed)

    estimates.estimate_mean(Counted(0.0, 1.0), num_samples=25, batch_size=10, seed=0)
    assert sizes == [10, 10, 5]


def test_flows_and_families():
    """A flow by samples, against the Gaussian that it is."""
    scale = tfd.MultivariateNormalTriL([1.0, 0.0], [[2.0, 0.0], [1.0, 0.5]])
    linear = bijectors.Linear([[2.0, 1.0], [0.0, 0.5]], [1.0, 0.0])
    flow = Flow(tfd.MultivariateNormalDiag(tf.zeros(2)), linear)
    kl = estimates.estimate_kl(flow, scale, seed=0)
    np.testing.assert_allclose(kl.value, 0.0, atol=1e-5)
    family = flows.maf(2, context_size=1, num_layers=1, seed=0)
    entropy = estimates.estimate_entropy(family(tf.zeros([3, 1])), seed=0)
    assert entropy.value.shape == (3,)
    assert (abs(entropy.value - 2.838) < 4 * entropy.standard_error).all()


def test_what_has_no_closed_form_names_the_estimator():
    flow = flows.maf(2, num_layers=1, seed=0)
    normal = tfd.MultivariateNormalDiag(tf.zeros(2))
    for p, q in ((flow, normal), (normal, flow), (flow, flows.maf(2, seed=1))):
        with pytest.raises(NotImplementedError, match=r"estimates\.estimate_kl\(p, q"):
            tfd.kl_divergence(p, q)
        with pytest.raises(NotImplementedError, match=r"estimates\.estimate_kl\(p, q"):
            p.kl_divergence(q)
    for method, name in (
        ("entropy", "entropy"),
        ("mean", "mean"),
        ("variance", "variance"),
        ("stddev", "variance"),
    ):
        with pytest.raises(NotImplementedError, match=rf"\.estimate_{name}\(flow"):
            getattr(flow, method)()


def test_closed_forms_stay():
    linear = bijectors.Linear([[2.0, 1.0], [0.0, 0.5]], [1.0, 0.0])
    base, other = (tfd.MultivariateNormalDiag(tf.fill([2], m)) for m in (0.0, 1.0))
    p, q = Flow(base, linear), Flow(other, linear)
    np.testing.assert_allclose(tfd.kl_divergence(p, q), 1.0, rtol=1e-6)
    np.testing.assert_allclose(p.mean(), [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(p.entropy(), base.entropy(), rtol=1e-5)


def test_mistakes():
    uniform = tfd.Uniform(0.0, 1.0)
    with pytest.raises(ValueError, match="where q has no density"):
        estimates.estimate_kl(tfd.Normal(0.0, 1.0), uniform, seed=0)
    with pytest.raises(TypeError, match=r"p must be a tfd\.Distribution.*family\(con"):
        estimates.estimate_entropy(flows.maf(2, context_size=1, num_layers=1))
    with pytest.raises(ValueError, match="one event shape"):
        estimates.estimate_kl(P, tfd.MultivariateNormalDiag(tf.zeros(2)))
    with pytest.raises(TypeError, match="one dtype"):
        estimates.estimate_kl(P, tfd.Normal(tf.zeros([], tf.float64), 1.0))
    with pytest.raises(ValueError, match="num_samples must be 2 or more"):
        estimates.estimate_mean(P, 1)
    with pytest.raises(ValueError, match=r"mass must be within \(0, 1\), but got 1.5"):
        estimates.estimate_highest_density_level(P, 1.5)
    with pytest.raises(TypeError, match="batch_size must be an integer"):
        estimates.estimate_mean(P, batch_size=2.5)
