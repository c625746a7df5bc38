"""Every network by its example: its config, its dtype, its start, its context."""

import inspect

import keras
import numpy as np
import pytest

from tfp_flows import networks
from tfp_flows.testing import NETWORK_EXAMPLES

ALL = pytest.mark.parametrize("name", NETWORK_EXAMPLES)


def outputs(network, example, context=None):
    inputs = [example.x if example.num_classes else example.x.astype(network.dtype)]
    if context is not None:
        inputs.append(context.astype(network.dtype))
    return np.asarray(network(*inputs))


def contexts(example):
    return np.random.default_rng(1).normal(size=[len(example.x), 2])


def moved(network):
    rng = np.random.default_rng(2)
    for weight in network.trainable_weights:
        weight.assign_add(rng.normal(scale=0.3, size=weight.shape))
    return network


def test_every_network_has_an_example():
    classes = {
        name for name in networks.__all__ if inspect.isclass(getattr(networks, name))
    }
    to_subclass = {"Conditioner", "MonotoneNetwork", "Network"}
    assert set(NETWORK_EXAMPLES) == classes - to_subclass


@ALL
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_a_layer_of_its_dtype(name, dtype):
    example = NETWORK_EXAMPLES[name]
    network = example.make(seed=0, dtype=dtype)
    assert isinstance(network, keras.Layer) and type(network).__name__ == name
    y = outputs(network, example)
    assert y.dtype == dtype and len(y) == len(example.x)
    assert np.any(y) != example.starts_at_zero


@ALL
def test_its_config_makes_it_anew(name):
    """With the same weights at the start, and the same outputs away from it."""
    example = NETWORK_EXAMPLES[name]
    network = example.make(seed=0, dtype="float64")
    outputs(network, example)
    again = type(network).from_config(network.get_config())
    outputs(again, example)
    for one, other in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        outputs(moved(network), example), outputs(moved(again), example)
    )


@pytest.mark.parametrize(
    "name", [name for name, e in NETWORK_EXAMPLES.items() if e.takes_context]
)
def test_a_context_changes_what_it_gives(name):
    example = NETWORK_EXAMPLES[name]
    network = example.make(seed=0, dtype="float64", context_size=2)
    context = contexts(example)
    outputs(network, example, context)
    moved(network)
    y, other = (outputs(network, example, c) for c in (context, context + 1.0))
    assert np.all(np.any(y != other, axis=tuple(range(1, y.ndim))))
