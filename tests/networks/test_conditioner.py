"""The class of conditioners, by a recurrent network as a user might write it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors as b
from tfp_flows.conditioners import MADE, Conditioner
from tfp_flows.testing import assert_bijector_conforms


class Recurrent(Conditioner):
    """A state for each dimension, from the state and the value of the one before."""

    def __init__(self, event_size, units, order=None, context_size=None, **kwargs):
        super().__init__(**kwargs)
        self.event_size = event_size
        self.order = list(range(event_size) if order is None else order)
        self.context_size = context_size
        self.units = units

    def build(self, x_shape, context_shape=None):
        def weight(seed, *shape):
            normal = keras.initializers.RandomNormal(stddev=0.5, seed=seed)
            return self.add_weight(shape=shape, initializer=normal)

        self.start = weight(0, self.units, self.context_size or 1)
        self.by_state = weight(1, self.units, self.units)
        self.by_value = weight(2, self.units, 1)
        self.out = weight(3, self.output_size // self.event_size, self.units)

    def initial_state(self, z, *context):
        rows = context[0] if context else tf.ones_like(z[:, :1])
        return tf.matmul(self.start, rows, transpose_b=True)

    def _step(self, state, previous):
        state = tf.tanh(tf.matmul(self.by_state, state) + self.by_value * previous)
        return tf.matmul(self.out, state), state

    def step(self, state, i, previous):
        return self._step(state, previous)

    def call(self, x, context=None):
        state = self.initial_state(x, *([] if context is None else [context]))
        previous, found = tf.zeros_like(x[:, 0]), {}
        for dimension in self.order:
            found[dimension], state = self._step(state, previous)
            previous = x[:, dimension]
        params = [found[dimension] for dimension in range(self.event_size)]
        return tf.transpose(tf.concat(params, axis=0))


class Whole(Recurrent):
    """The same without a step, and with a count of its evaluations."""

    step = Conditioner.step
    calls = 0

    def call(self, x, context=None):
        self.calls += 1
        return super().call(x, context)


def layer(cls=Recurrent, dtype="float64", context=None, order=(2, 0, 3, 1)):
    context_size = None if context is None else context.shape[-1]
    network = cls(4, 3, order=order, context_size=context_size, dtype=dtype)
    return b.Autoregressive(network, b.Affine.spec(), context=context)


def forward_and_gradients(bijector, z):
    variables = bijector.trainable_variables
    with tf.GradientTape() as tape:
        tape.watch(z)
        y = bijector.forward(z)
        total = tf.reduce_sum(tf.sin(y))
    return y, tape.gradient(total, [z, *variables])


def test_a_network_with_steps_conforms():
    x = np.random.default_rng(0).normal(size=[8, 4])
    assert_bijector_conforms(layer(), x, order=[2, 0, 3, 1], spread=0.3, extreme=None)


@pytest.mark.parametrize("with_context", [False, True])
def test_steps_equal_evaluations_with_gradients(with_context):
    rng = np.random.default_rng(0)
    context = tf.Variable(rng.normal(size=[5, 2])) if with_context else None
    z = tf.constant(rng.normal(size=[5, 4]))
    by_step, by_evaluation = layer(context=context), layer(Whole, context=context)
    found = forward_and_gradients(by_step, z)
    expected = forward_and_gradients(by_evaluation, z)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    for a, e in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-12)
        assert np.any(a)
    np.testing.assert_allclose(by_step.inverse(tf.identity(found[0])), z, rtol=1e-10)


@pytest.mark.parametrize("cls", [Recurrent, Whole])
def test_gradients_under_xla(cls):
    bijector = layer(cls)
    z = tf.constant(np.random.default_rng(0).normal(size=[5, 4]))
    expected = forward_and_gradients(bijector, z)
    compiled = tf.function(
        lambda z: forward_and_gradients(bijector, z), jit_compile=True
    )
    found = compiled(z)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-10)
    for a, e in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-8, atol=1e-12)


def test_evaluations_are_as_many_as_dimensions_only_without_steps():
    z = tf.ones([5, 4], tf.float64)
    whole = layer(Whole)
    network = whole.conditioner.layer
    network.calls = 0
    y = whole.forward(z)
    # And one for the log-determinant, which a graph leaves out where it is not used.
    assert network.calls == 4 + 1
    whole.inverse(tf.identity(y))
    assert network.calls == 4 + 2


def test_made_is_not_evaluated_again_and_again(monkeypatch):
    """Its scan computes each unit once, without a call of the whole.

    The only call is for the log-determinant.
    """
    network = MADE(4, [8], seed=0)
    bijector = b.Autoregressive(network, b.Affine.spec())
    calls, call = [], network.call

    def counted(*args):
        calls.append(args)
        return call(*args)

    monkeypatch.setattr(network, "call", counted)
    bijector.forward(tf.ones([5, 4]))
    assert len(calls) == 1
