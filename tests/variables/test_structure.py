"""What has a structure, what has none, and which are equal."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.bijectors import Affine, RationalQuadraticSpline, TransformerSpec
from tfp_flows.conditioners import MADE, MLP, PixelCNN
from tfp_flows.variables import NoStructureError, structure_of


class Scaled(MLP):
    """A network of a user's that says that it shares programs."""

    shares_programs = True

    def __init__(self, scale, **options):
        super().__init__(**options)
        self.scale = scale


class Derived(Scaled):
    """A class that does not say so itself."""


class Inheriting(MLP):
    """A class that has the constructor of another."""

    shares_programs = True


class Forgetful(MLP):
    """A class that does not keep its argument."""

    shares_programs = True

    def __init__(self, forgotten, **options):
        super().__init__(**options)


def regularized():
    return MLP([4], activity_regularizer="l2")


def with_method_of_its_own():
    net = MLP([4])
    net.call = lambda x: x
    return net


NONE = {
    "a lambda": lambda: lambda x: x,
    "one in another's name": lambda: functools.wraps(keras.activations.relu)(
        lambda x: x
    ),
    "a part": lambda: functools.partial(keras.activations.relu, max_value=1.0),
    "an object": object,
    "objects in an array": lambda: np.array([None]),
    "a tensor": lambda: tf.constant(1.0),
    "a variable": lambda: tf.Variable(1.0),
    "one in a list": lambda: [1, {"a": (tf.constant(1.0),)}],
    "a class of another package": lambda: tf.Module,
    "a class of a test": lambda: Scaled,
    "a Keras layer": lambda: keras.layers.Dense(3),
    "a derived class": lambda: Derived(1.0, hidden_units=[4]),
    "an argument that is not kept": lambda: Forgetful(1.0, hidden_units=[4]),
    "an activation that is a layer": lambda: MLP(
        [4], activation=keras.layers.LeakyReLU()
    ),
    "a regularizer": regularized,
    "a method of an object": with_method_of_its_own,
}


@pytest.mark.parametrize("make", NONE.values(), ids=NONE)
def test_what_is_not_known_has_no_structure(make):
    with pytest.raises(NoStructureError):
        structure_of(make())


def affine(**options):
    return TransformerSpec(Affine, {"shift": (), "log_scale": ()}, options)


VALUES = {
    "nothing": (None, 0, False, 0.0, -0.0, "0", b"0", [0], np.float32(0), np.zeros([])),
    "arrays": (
        np.zeros([2, 3]),
        np.zeros([3, 2]),
        np.zeros([2, 3], np.float32),
        np.zeros([2, 3], np.int64),
        np.ones([2, 3]),
    ),
    "dtypes": (tf.float32, tf.float64, "float32"),
    "sequences": ([1, 2], [2, 1], [[1], 2], [1, [2]], []),
    "mappings": ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1}, {"a": 2, "b": 2}, {}),
    "functions": (
        keras.activations.gelu,
        keras.ops.gelu,
        keras.activations.relu,
        "gelu",
        Affine,
        RationalQuadraticSpline,
    ),
    "transformers": (
        affine(),
        affine().invert(),
        affine(log_scale_bound=2.0),
        TransformerSpec(Affine, {"log_scale": (), "shift": ()}),
        RationalQuadraticSpline.spec(num_bins=3),
        RationalQuadraticSpline.spec(num_bins=4),
    ),
    "networks": (
        MLP([4]),
        MLP([5]),
        MLP([4, 4]),
        MLP([4], activation="relu"),
        MLP([4], context_size=1),
        MLP([4], 3),
        MLP([4], dtype="float64"),
        MLP([4], dtype="mixed_bfloat16"),
        MLP([4], dtype="mixed_bfloat16", autocast=False),
        Inheriting([4]),
        Scaled(1.0, hidden_units=[4]),
        Scaled(2.0, hidden_units=[4]),
        Scaled(1.0, hidden_units=[5]),
        Scaled(1.0, hidden_units=[4], activation="relu"),
        MADE(3, [4]),
        MADE(3, [4], order=[2, 1, 0]),
        MADE(3, [4], residual=True),
    ),
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_what_differs_has_different_structures(values):
    structures = [structure_of(value) for value in values]
    assert len(set(structures)) == len(values)
    assert structures == [structure_of(value) for value in values]


EQUAL = {
    "NaN": lambda: float("nan"),
    "an array": lambda: np.arange(3),
    "lists and tuples": iter([[1, 2], (1, 2), range(1, 3)]).__next__,
    "a transformer": lambda: RationalQuadraticSpline.spec(num_bins=3).invert(),
    "names and seeds": lambda: MLP([4], seed=np.random.randint(9)),
    "that are not trained": iter([MLP([4]), MLP([4], trainable=False)]).__next__,
    "an activation's name": iter(
        [MLP([4], activation=a) for a in ("relu", keras.activations.relu)]
    ).__next__,
    "a user's network": lambda: Scaled(1.0, hidden_units=[4]),
}


@pytest.mark.parametrize("make", EQUAL.values(), ids=EQUAL)
def test_what_computes_the_same_has_one_structure(make):
    assert structure_of(make()) == structure_of(make())


def built_pixel_cnn():
    net = PixelCNN((2, 2, 1), 4, 8, num_layers=2, first_kernel_size=3)
    net.build((None, 4))
    return net


def policy_of_inner_layers(net):
    for layer in net._flatten_layers(include_self=False):
        layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")


def activation_of_an_inner_layer(net):
    *_, inner = net._flatten_layers()
    inner.activation = keras.activations.relu


@pytest.mark.parametrize(
    "change", [policy_of_inner_layers, activation_of_an_inner_layer]
)
def test_a_network_whose_layers_were_changed_has_another_structure(change):
    net, other = built_pixel_cnn(), built_pixel_cnn()
    assert structure_of(net) == structure_of(other)
    change(net)
    assert structure_of(net) != structure_of(other)


def test_a_transformer_is_what_it_was_made_of():
    options = {"log_scale_bound": 3.0}
    spec = TransformerSpec(Affine, {"shift": (), "log_scale": ()}, options)
    before = structure_of(spec)
    options["log_scale_bound"] = 0.1
    assert structure_of(spec) == before
