"""What a bijector accepts as its network."""

import keras
import pytest
import tensorflow as tf

from tfp_flows import KerasModule
from tfp_flows.bijectors import network_door
from tfp_flows.networks import MADE, MLP


def dense(units, inputs):
    layer = keras.layers.Dense(units)
    layer.build((None, inputs))
    return layer


def as_network(conditioner):
    return network_door.as_network(
        conditioner,
        input_shape=[2],
        output_shape=[3],
        context_size=None,
        where="Here",
    )


def test_as_network_builds_a_layer():
    layer = keras.layers.Dense(3)
    net = as_network(layer)
    assert isinstance(net, KerasModule)
    assert layer.kernel.shape == (2, 3)
    assert net(tf.ones([2])).shape == (3,)


def test_as_network_leaves_a_callable_alone():
    def shift(x):
        return tf.tile(x[..., :1], [1, 3])

    assert as_network(shift) is shift


@pytest.mark.parametrize(
    "conditioner, error, message",
    [
        (keras.layers.Dense(4), ValueError, "Here: .* give 3 numbers.*got 4"),
        (dense(3, inputs=5), ValueError, "Here: .*not take inputs of size 2"),
        (lambda x: x, ValueError, "Here: .* give 3 numbers.*got 2"),
        (
            lambda x: x @ tf.ones([5, 3]),
            ValueError,
            "Here: .*not take inputs of size 2",
        ),
        ("net", TypeError, "Here: .*a function, but got 'net'"),
    ],
)
def test_as_network_refuses(conditioner, error, message):
    with pytest.raises(error, match=message):
        as_network(conditioner)


def test_what_networks_declare():
    made = MADE(3, [4], order=[2, 0, 1], context_size=2, seed=0)
    declared = network_door.declared_by(made)
    assert declared == (3, 2, [2, 0, 1], made.scan)
    assert network_door.declared_by(MLP([4])) == (None, None, None, None)
    assert network_door.declared_by(lambda x: x, 5).context_size == 5
