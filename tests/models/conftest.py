import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfp_flows


@pytest.fixture(scope="session")
def x():
    """64 points of a Gaussian that is not the base."""
    return np.random.default_rng(0).normal(2.0, 1.5, size=(64, 2)).astype("float32")


@pytest.fixture
def make_affine():
    """Makes the cheapest flow: a trained shift and scale of each dimension."""

    def make(dtype="float32"):
        base = tfd.MultivariateNormalDiag(tf.zeros(2, dtype))
        affine = tfp_flows.bijectors.Affine.trainable(2, dtype=dtype)
        return tfd.TransformedDistribution(base, affine)

    return make


@pytest.fixture
def make_model(make_affine):
    """Makes a model that runs eagerly: nothing here is about tracing."""

    def make(flow=None, *, learning_rate=0.05, seed=0, **options):
        model = tfp_flows.FlowModel(make_affine() if flow is None else flow, seed=seed)
        options = {"run_eagerly": True} | options
        model.compile(keras.optimizers.Adam(learning_rate), **options)
        return model

    return make
