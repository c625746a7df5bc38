"""What is drawn when a flow is made is saved with its weights, in every way."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import FlowModel, bijectors, flows
from tfp_flows.bijectors import LULinear, Permutation
from tfp_flows.distributions import Family
from tfp_flows.math import inverse_of, permute
from tfp_flows.testing.flow_examples import FLOW_EXAMPLES
from tfp_flows.variables import describe

DRAWN = {"permutation": Permutation.random}


def takes_a_permutation(name):
    try:
        FLOW_EXAMPLES[name].make(seed=0, permutation=Permutation.random)
    except TypeError:
        return False
    return True


def make(name, seed, **options):
    example = FLOW_EXAMPLES[name]
    event = 4 if isinstance(example.event, int) else example.event
    if takes_a_permutation(name):
        options = DRAWN | options
    return example.make(event, seed=seed, **options)


def checkpoint(old, new, folder):
    path = tf.train.Checkpoint(flow=old).write(str(folder / "c"))
    tf.train.Checkpoint(flow=new).read(path).assert_consumed()
    return new


def weights(old, new, folder):
    FlowModel(old).save_weights(folder / "m.weights.h5")
    FlowModel(new).load_weights(folder / "m.weights.h5")
    return new


def whole_file(old, new, folder):
    FlowModel(old).save(folder / "m.keras")
    model = keras.models.load_model(folder / "m.keras")
    return model.family if isinstance(old, Family) else model.distribution


def pickled(old, new, folder):
    return pickle.loads(pickle.dumps(old))


def copied(old, new, folder):
    return copy.deepcopy(old)


WAYS = [weights, whole_file, pickled, copied]


def log_prob(flow, name):
    example = FLOW_EXAMPLES[name]
    shape = [4] if isinstance(example.event, int) else example.event
    x = np.random.default_rng(0).normal(size=[3, *shape]).astype("float32")
    if isinstance(flow, Family):
        flow = flow(tf.ones([3, flow.context_size]))
    return flow.log_prob(x).numpy()


def moved(flow):
    """The flow, some way from its start."""
    for number, v in enumerate(flow.trainable_variables):
        v.assign_add(
            0.1 * tf.random.stateless_normal(v.shape, [0, number], dtype=v.dtype)
        )
    if not isinstance(flow, Family):
        rows = np.random.default_rng(1).normal(size=[20, *flow.event_shape])
        FlowModel(flow).adapt(rows)
    return flow


@pytest.mark.parametrize("name", FLOW_EXAMPLES)
def test_another_seed_loads_them_in_each_way(name, tmp_path):
    old, new = moved(make(name, 0)), make(name, 1)
    checkpoint(old, new, tmp_path)
    expected = log_prob(old, name)
    np.testing.assert_allclose(log_prob(new, name), expected, rtol=1e-6)
    # Values and description are all that the others depend on.
    for way in WAYS:
        new = way(old, make(name, 1), tmp_path)
        assert describe(new) == describe(old), way.__name__
        for u, v in zip(old.variables, new.variables, strict=True):
            np.testing.assert_array_equal(u, v, err_msg=way.__name__)


def test_the_test_can_fail():
    """Other permutations give other values."""
    a, b = make("maf", 0), make("maf", 1)
    for v, w in zip(a.trainable_variables, b.trainable_variables, strict=True):
        w.assign(v)
    moved(a), moved(b)
    assert np.abs(log_prob(a, "maf") - log_prob(b, "maf")).max() > 1e-3


@pytest.mark.parametrize(
    "make_linear",
    [
        Permutation.random,
        LULinear.random_rotation,
        lambda size, seed: LULinear.trainable(size, permute=True, seed=seed),
    ],
)
def test_a_bijector_alone(make_linear, tmp_path):
    a, b = make_linear(6, seed=0), make_linear(6, seed=1)
    path = tf.train.Checkpoint(b=a).write(str(tmp_path / "c"))
    tf.train.Checkpoint(b=b).read(path).assert_consumed()
    x = np.random.default_rng(0).normal(size=[3, 6]).astype("float32")
    np.testing.assert_array_equal(a.forward(x), b.forward(x))
    np.testing.assert_allclose(b.inverse(b.forward(x)), x, rtol=1e-4, atol=1e-5)
    assert not set(map(id, b.trainable_variables)) & {id(b._permutation)}


def test_loaded_while_a_graph_exists(tmp_path):
    """No value is baked into what was traced before."""
    a, b = make("maf", 0), make("maf", 1)
    moved(a)
    x = tf.constant(np.random.default_rng(0).normal(size=[3, 4]).astype("float32"))
    for options in ({}, {"jit_compile": True}):
        b = make("maf", 1)
        traced = tf.function(b.log_prob, autograph=False, **options)
        traced(x)
        checkpoint(a, b, tmp_path)
        np.testing.assert_allclose(traced(x), a.log_prob(x), rtol=1e-4)


def other(**options):
    return flows.maf(4, **({"num_layers": 2, "hidden_units": [4], "seed": 1} | options))


OTHERS = {
    "activation": ({"activation": "tanh"}, r"activation='?tanh"),
    "static permutation": ({"permutation": Permutation.reverse}, "Permutation"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_flow_that_is_built_in_another_way(name, tmp_path):
    options, message = OTHERS[name]
    before = {"permutation": lambda d, seed, dtype: Permutation([1, 0, 2, 3])}
    old = other(**(before if "permutation" in options else {}))
    path = tf.train.Checkpoint(flow=old).write(str(tmp_path / "c"))
    new = other(**options)
    with pytest.raises(ValueError, match=f"(?s)built in another way.*{message}"):
        tf.train.Checkpoint(flow=new).read(path)
    FlowModel(old).save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match=f"(?s)built in another way.*{message}"):
        FlowModel(new).load_weights(tmp_path / "m.weights.h5")


@pytest.mark.parametrize("options", [{"hidden_units": [5]}, {"num_layers": 3}])
def test_another_size_or_depth(options, tmp_path):
    path = tf.train.Checkpoint(flow=other()).write(str(tmp_path / "c"))
    with pytest.raises(ValueError, match=r"built in another way|shape"):
        tf.train.Checkpoint(flow=other(**options)).read(path)


def test_the_gradient_of_a_drawn_permutation():
    x = tf.constant(np.random.default_rng(0).normal(size=[3, 5]))
    permutation = np.array([3, 0, 4, 1, 2])
    weights = tf.constant(np.arange(15.0).reshape([3, 5]))
    for axis in (-1, 1):
        results = []
        for p in (permutation, tf.Variable(permutation)):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = permute(x, p, axis)
                value = tf.reduce_sum(weights * y)
            results += [(y.numpy(), tape.gradient(value, x).numpy())]
            back = permute(y, inverse_of(p), axis)
            np.testing.assert_array_equal(back, x)
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a, b)


def test_variables_that_are_no_permutation():
    for values in ([0, 0, 2], [0.0, 1.0], [[0, 1]]):
        with pytest.raises(ValueError, match=r"permutation"):
            bijectors.Permutation(tf.Variable(values))
