"""Every bijector of the package, and the chains that the flows are made of."""

import numpy as np
import pytest
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors, flows
from tfp_flows.testing import EXAMPLES, assert_bijector_conforms

NOT_EXAMPLES = {"Bijector", "Elementwise", "TransformerSpec"}  # to subclass, or no map


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


@pytest.mark.parametrize("flow", [flows.nice, flows.real_nvp])
def test_flow(flow):
    x = np.random.default_rng(1).normal(size=[8, 3])
    bijector = flow(3, num_layers=2, hidden_units=[8], seed=0).bijector
    assert_bijector_conforms(bijector, x, spread=0.3, extreme=100.0)
