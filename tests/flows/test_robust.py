"""Flows far from where they were trained: what they do there stays bounded."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors, flows


def moved(flow, scale=0.1):
    rng = np.random.default_rng(0)
    for variable in flow.trainable_variables:
        variable.assign_add(rng.normal(scale=scale, size=variable.shape))
    return flow


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mixtures_in_eight_layers_stretch_within_bounds(dtype):
    flow = moved(flows.flow_plus_plus(3, seed=0, dtype=dtype))
    x = flow.sample(500, seed=[0, 1]).numpy()
    assert np.abs(x).max() < 1e4
    assert np.isfinite(flow.log_prob(x)).all()


def test_a_mixture_far_out_stretches_by_its_bound_at_most():
    rng = np.random.default_rng(0)
    for bound in (0.5, 1.0, 2.0):
        spec = bijectors.MixtureCDF.spec(num_components=4, stretch_bound=bound)
        mixture = spec(tf.constant(rng.normal(scale=20.0, size=[50, spec.num_params])))
        z = np.where(rng.random(50) < 0.5, 1e4, -1e4)
        stretch = mixture.forward_log_det_jacobian(z, event_ndims=0)
        assert np.max(stretch) < 2.0 * bound + 1e-3
        assert np.max(stretch) > 1.5 * bound  # Up to which it may.


@pytest.mark.parametrize("bound", [0.0, -1.0, 3.5, np.nan])
def test_another_bound_of_a_mixture_is_refused(bound):
    with pytest.raises(ValueError, match="stretch_bound must be above 0"):
        bijectors.MixtureCDF.spec(stretch_bound=bound)


@pytest.mark.parametrize("is_autoregressive", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_rows_are_not_thrown_further_out_by_each_layer(is_autoregressive, seed):
    make = flows.autoregressive if is_autoregressive else flows.coupling
    # Of little scale, so that what grows is what the networks extrapolate.
    spec = bijectors.Affine.spec(log_scale_bound=0.1)
    x = np.random.default_rng(seed).normal(size=[500, 5]).astype("float32")
    worst = {
        seen: moved(
            make(5, spec, num_layers=8, seed=seed, conditioner_input=seen), scale=0.2
        )
        .log_prob(x)
        .numpy()
        .min()
        for seen in ("tapered", None)
    }
    assert worst["tapered"] > -4e3 > 3.0 * worst[None]
