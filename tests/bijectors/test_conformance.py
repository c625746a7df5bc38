"""Every bijector of the package, and the chains that the flows are made of."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors, flows
from tfp_flows.conditioners import MADE, MLP
from tfp_flows.testing import EXAMPLES, assert_bijector_conforms

# To subclass, or no map.
NOT_EXAMPLES = {
    "Bijector",
    "Elementwise",
    "Monotone",
    "MonotoneOnInterval",
    "TransformerSpec",
    "channel_mask",
    "checkerboard_mask",
    "forward_and_log_det",
    "inverse_and_log_det",
}


def test_every_bijector_has_an_example():
    assert set(EXAMPLES) == set(bijectors.__all__) - NOT_EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_bijector(name):
    example = EXAMPLES[name]
    made = example.make("float32")
    assert type(made).__name__ == name
    assert_bijector_conforms(
        example.make, example.x, order=example.order, extreme=example.extreme
    )


VARIANTS = {
    "bounded affine": lambda dtype: bijectors.Affine(
        np.zeros([2], dtype), np.full([2], 2.0, dtype), log_scale_bound=3.0
    ),
    "planar at u = w = 0": lambda dtype: bijectors.Planar(
        *(np.zeros(shape, dtype) for shape in (2, 2, ()))
    ),
    "inverted planar": lambda dtype: tfb.Invert(
        bijectors.Planar.trainable(2, seed=0, dtype=dtype)
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variant(variant):
    x = np.random.default_rng(1).normal(size=[8, 2])
    assert_bijector_conforms(VARIANTS[variant]("float64"), x)


@pytest.mark.parametrize("cls", [bijectors.Planar, bijectors.Radial])
def test_one_dimension(cls):
    x = np.random.default_rng(1).normal(size=[8, 1])
    assert_bijector_conforms(cls.trainable(1, seed=0, dtype="float64"), x)


def _context():
    """A variable, whose gradient is checked as any other's."""
    return tf.Variable([0.5, -1.0], dtype="float64", name="context")


def _residual_network():
    options = {"residual": True, "context_size": 2, "seed": 0, "dtype": "float64"}
    return MADE(3, [7, 7], order=[2, 0, 1], **options)


# Each with an order of the dimensions in which it is triangular.
CONDITIONED = {
    "residual, in an order of its own": (
        lambda: bijectors.Autoregressive(
            _residual_network(), bijectors.Affine.spec(), context=_context()
        ),
        [2, 0, 1],
    ),
    "inverted, by splines, the last dimension first": (
        lambda: tfb.Invert(
            bijectors.Autoregressive(
                MADE(2, [6], order=[1, 0], seed=0, dtype="float64"),
                bijectors.RationalQuadraticSpline.spec(num_bins=2, low=-1, high=2),
            )
        ),
        [1, 0],
    ),
    "a coupling": (
        lambda: bijectors.Coupling(
            MLP([8], context_size=2, seed=0, dtype="float64"),
            bijectors.QuadraticSpline.spec(num_bins=3),
            [False, True, False],
            context=_context(),
        ),
        [1, 0, 2],
    ),
}


@pytest.mark.parametrize("name", CONDITIONED)
def test_conditioned(name):
    make, order = CONDITIONED[name]
    x = np.random.default_rng(1).normal(size=[8, len(order)])
    assert_bijector_conforms(make(), x, order=order, spread=0.5, extreme=100.0)


@pytest.mark.parametrize("flow", [flows.nice, flows.real_nvp, flows.iaf])
def test_flow(flow):
    x = np.random.default_rng(1).normal(size=[8, 3])
    bijector = flow(3, num_layers=2, hidden_units=[8], seed=0).bijector
    assert_bijector_conforms(bijector, x, spread=0.3, extreme=100.0)
