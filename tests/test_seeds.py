"""One rule for seeds, wherever one is taken."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import FlowLayer, FlowModel, bijectors, datasets, distributions, flows
from tfp_flows.networks import MLP
from tfp_flows.random_state import (
    SampledBySeed,
    as_integer,
    as_stateless,
    split_seed,
)
from tfp_flows.testing.flow_examples import FLOW_EXAMPLES
from tfp_flows.testing.network_examples import NETWORK_EXAMPLES

# Pairwise different.
SEEDS = {
    "small": 1,
    "negative": -1,
    "beyond int32": 1 + 2**32,
    "below int32": 1 - 2**32,
    "beyond int64": 1 + 2**64,
    "huge": 1 + 10**60,
    "a pair": (3, 1),
    "a pair the other way": [1, 3],
    "a large pair": [0, 1 + 2**32],
    "a pair of NumPy": np.array([5, 1]),
    "NumPy's": np.uint64(2**63 + 1),
    "a tensor": tf.constant([7, 1]),
    "a large tensor": tf.constant([7, 1 + 2**32], tf.int64),
}
WRONG = [1.5, "a", True, [1], [1, 2, 3], [1.0, 2.0], {}, tf.constant([1.0, 2.0]), b"a"]
WRONG += [np.array([[1, 2]]), np.array(["a", "b"]), tf.constant([True, False])]


def signature_of(cls, method):
    function = getattr(cls, method, None)
    return inspect.signature(function).parameters if function else {}


def test_other_seeds_give_other_numbers():
    for make in (
        lambda seed: as_integer(seed),
        lambda seed: tuple(split_seed(seed, 2)),
        lambda seed: tuple(as_stateless(seed, "f").numpy().tolist()),
    ):
        made = [make(seed) for seed in SEEDS.values()]
        assert len(set(made)) == len(made)
        assert made == [make(seed) for seed in SEEDS.values()]


def test_many_integers_of_any_size():
    seeds = [s * 2**k + d for k in range(0, 200, 3) for s in (1, -1) for d in (0, 1)]
    seeds = sorted(set(seeds))
    stateless = {tuple(as_stateless(seed, "f").numpy().tolist()) for seed in seeds}
    assert len(stateless) == len({as_integer(seed) for seed in seeds}) == len(seeds)


def test_small_seeds_are_what_they_were():
    assert as_stateless(3, "f").numpy().tolist() == [0, 3]
    assert as_stateless([-4, 3], "f").numpy().tolist() == [-4, 3]
    assert [as_integer(seed) for seed in (None, 0, 3)] == [None, 0, 3]
    states = np.random.SeedSequence(7).generate_state(2) >> 1
    assert split_seed(7, 2) == states.tolist()


def test_a_generator_goes_on():
    a, b = keras.random.SeedGenerator(1), keras.random.SeedGenerator(1)
    first = as_integer(a)
    assert first == as_integer(b) and first != as_integer(a)
    stateless = as_stateless(a, "f").numpy()
    assert np.any(stateless != as_stateless(a, "f").numpy())


def test_a_graph_hashes_as_eagerly():
    graph = tf.function(lambda seed: as_stateless(seed, "f"), autograph=False)
    for dtype in (tf.int32, tf.int64):
        for pair in ([1, -2], [2**31 - 1, -(2**31)]):
            seed = tf.constant(pair, dtype)
            np.testing.assert_array_equal(graph(seed), as_stateless(seed, "f"))
    large = [[0, 2**32 + k] for k in range(20)] + [[2**32 + k, 0] for k in range(20)]
    made = {tuple(graph(tf.constant(s, tf.int64)).numpy().tolist()) for s in large}
    assert len(made) == 40
    with pytest.raises(ValueError, match=r"must be known"):
        tf.function(lambda seed: as_integer(seed))(tf.constant([1, 2]))


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_what_is_no_seed(wrong):
    for take, where in ((as_integer, "f: seed"), (as_stateless, "f")):
        with pytest.raises(ValueError, match=r"(?s)^f: seed must be None, an integer"):
            take(wrong, where)


@pytest.mark.parametrize("module", [datasets, distributions])
def test_all_that_draws_goes_by_the_rule(module):
    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, tfd.Distribution):
            assert issubclass(value, SampledBySeed), name


TRAINABLE = [
    name
    for name, value in vars(bijectors).items()
    if isinstance(value, type) and "seed" in signature_of(value, "trainable")
]


@pytest.mark.parametrize("name", TRAINABLE)
def test_bijectors_refuse_what_is_no_seed(name):
    for wrong in (1.5, "a"):
        with pytest.raises(ValueError, match=r"seed must be None, an integer"):
            getattr(bijectors, name).trainable(4, seed=wrong)


@pytest.mark.parametrize("name", [n for n in NETWORK_EXAMPLES if n != "OneHot"])
def test_networks_refuse_what_is_no_seed(name):
    for wrong in (1.5, "a"):
        with pytest.raises(ValueError, match=rf"{name}: seed must be None, an integer"):
            NETWORK_EXAMPLES[name].make(seed=wrong, dtype="float32")


def network_start(network):
    network.build((None, 3))
    return np.concatenate([np.ravel(v) for v in network.variables])


FLOW = flows.real_nvp(2, num_layers=1, hidden_units=[4], seed=0)
MOONS = datasets.TwoMoons()


def drawn(distribution):
    return lambda seed: distribution.sample(3, seed=seed)


def start(make):
    """The weights that are made with a seed."""

    def values(seed):
        made = make(seed)
        parts = [np.ravel(v) for v in made.variables]
        permutations = [getattr(part, "permutation", None) for part in made.submodules]
        parts += [np.ravel(p) for p in permutations if p is not None]
        return np.concatenate(parts)

    return values


TAKERS = {
    "FlowModel.sample": lambda seed: FlowModel(FLOW).sample(3, seed=seed),
    "FlowLayer.sample": lambda seed: FlowLayer(FLOW).sample(3, seed=seed),
    "Flow.sample": drawn(FLOW),
    "Flow.sample_and_log_prob": lambda seed: FLOW.experimental_sample_and_log_prob(
        3, seed=seed
    )[0],
    "StandardNormal.sample": drawn(distributions.StandardNormal(2)),
    "a data set": drawn(MOONS),
    "a conditional flow": lambda seed: flows.maf(
        2, context_size=1, num_layers=1, hidden_units=[4], seed=0
    )(tf.ones([1])).sample(3, seed=seed),
    "Dequantized": lambda seed: distributions.Dequantized(
        FLOW, 0, 9, seed=seed
    ).continuous([[3, 4]]),
    "Dequantized.log_prob": lambda seed: distributions.Dequantized(FLOW, 0, 9).log_prob(
        [[3, 4]], seed=seed
    ),
    "Planar.trainable": start(lambda seed: bijectors.Planar.trainable(9, seed=seed)),
    "Permutation.random": lambda seed: (
        bijectors.Permutation.random(30, seed=seed).permutation
    ),
    "LULinear.random_rotation": start(
        lambda seed: bijectors.LULinear.random_rotation(5, seed=seed)
    ),
    "MLP": lambda seed: network_start(MLP([4], output_size=2, seed=seed)),
}


@pytest.mark.parametrize("name", ["FlowModel.sample", "Flow.sample", "a data set"])
def test_each_kind_draws_others(name):
    take = TAKERS[name]
    made = [np.asarray(take(seed)).tobytes() for seed in SEEDS.values()]
    assert len(set(made)) == len(made)
    assert made[2:] == [np.asarray(take(s)).tobytes() for s in [*SEEDS.values()][2:]]


def same(a, b):
    return np.array_equal(np.asarray(a), np.asarray(b))


def assert_takes_seeds(take):
    few = [1, 1 + 2**32, -1, (3, 1), tf.constant([7, 1])]
    made = [np.asarray(take(seed)) for seed in few]
    assert same(made[1], take(1 + 2**32))
    assert not any(same(a, b) for i, a in enumerate(made) for b in made[:i])
    take(None)
    generator = keras.random.SeedGenerator(0)
    assert not same(take(generator), take(generator))
    for wrong in (1.5, "a", [1, 2, 3]):
        with pytest.raises(ValueError, match=r"seed must be None, an integer"):
            take(wrong)


@pytest.mark.parametrize("name", TAKERS)
def test_takers(name):
    assert_takes_seeds(TAKERS[name])


@pytest.mark.parametrize("name", FLOW_EXAMPLES)
def test_makers_of_flows_refuse_what_is_no_seed(name):
    for wrong in (1.5, "a", [1, 2, 3]):
        with pytest.raises(ValueError, match=r"seed must be None, an integer"):
            FLOW_EXAMPLES[name].make(seed=wrong)


SMALL = dict(num_layers=2, hidden_units=[4])
MAKERS = {
    "maf": lambda seed: flows.maf(3, **SMALL, seed=seed),
    "real_nvp, permuted": lambda seed: flows.real_nvp(
        3, **SMALL, permutation=bijectors.Permutation.random, seed=seed
    ),
    "linear": lambda seed: flows.sylvester(3, num_layers=2, seed=seed),
    "gaussianization": lambda seed: flows.gaussianization(3, num_layers=2, seed=seed),
}


@pytest.mark.parametrize("name", MAKERS)
def test_makers_of_flows_take_every_kind(name):
    assert_takes_seeds(start(MAKERS[name]))


# Counts and shapes of samples.


@pytest.mark.parametrize(
    "name", ["FlowModel", "FlowLayer", "Flow", "data set", "TFP's"]
)
@pytest.mark.parametrize("wrong", [2.5, "a", -1, [2, -1], True, tf.constant(2.0), None])
def test_what_is_no_number_of_samples(name, wrong):
    tfps = tfd.TransformedDistribution(FLOW.distribution, FLOW.bijector)
    owner = {
        "FlowModel": FlowModel(FLOW),
        "FlowLayer": FlowLayer(FLOW),
        "Flow": FLOW,
        "data set": MOONS,
        "TFP's": FlowModel(tfps),
    }[name]
    with pytest.raises((TypeError, ValueError), match=r"sample: the number of samples"):
        owner.sample(wrong)


@pytest.mark.parametrize(
    "shape",
    [
        0,
        2,
        np.int64(2),
        [],
        [2, 3],
        (),
        np.array([2]),
        tf.constant(2),
        [tf.constant(2)],
    ],
    ids=repr,
)
def test_numbers_of_samples(shape):
    expected = np.zeros([int(s) for s in np.ravel(np.array(shape, dtype=int))]).shape
    assert FLOW.sample(shape, seed=0).shape == (*expected, 2)
    assert FlowModel(FLOW).sample(shape, seed=0).shape == (*expected, 2)


def test_numbers_known_when_a_graph_runs():
    draw = tf.function(lambda n, seed: FLOW.sample([n, 2], seed=seed), autograph=False)
    assert draw(tf.constant(3), tf.constant([0, 1])).shape == (3, 2, 2)
