"""Adam's updates of many variables together are those of Keras, one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.models import updates

SHAPES = [(3,), (2, 2), (3,), (), (2, 2), (3,), (300, 300), (300, 300)]

Adam, AdamW = keras.optimizers.Adam, keras.optimizers.AdamW
OPTIMIZERS = {
    "Adam": Adam,
    "amsgrad": lambda: Adam(amsgrad=True),
    "AdamW": lambda: AdamW(weight_decay=0.1),
    "clipped by norm": lambda: Adam(clipnorm=0.5),
    "clipped by global norm": lambda: Adam(global_clipnorm=0.5),
    "clipped by value": lambda: Adam(clipvalue=0.2),
    "moving average": lambda: Adam(use_ema=True, ema_overwrite_frequency=2),
    "accumulated": lambda: Adam(gradient_accumulation_steps=2),
    "schedule": lambda: Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "SGD": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Nadam": keras.optimizers.Nadam,
}


def trained(make_optimizer, together, dtypes=("float32",), steps=5):
    rng = np.random.default_rng(0)
    variables = [
        keras.Variable(rng.normal(size=shape), dtype=dtypes[i % len(dtypes)])
        for i, shape in enumerate(SHAPES)
    ]
    optimizer = make_optimizer()
    optimizer.build(variables)

    @tf.function(autograph=False)
    def step():
        # The last but one has no gradient; the first one's is sparse.
        gradients = [tf.sin(7.0 * tf.convert_to_tensor(v)) for v in variables]
        if len(SHAPES[0]) == 1:
            gradients[0] = tf.IndexedSlices(gradients[0][1:], [1, 2], SHAPES[0])
        pairs = list(zip(gradients, variables, strict=True))
        del pairs[-2]
        if together:
            with updates.stacked(optimizer):
                optimizer.apply_gradients(pairs)
        else:
            optimizer.apply_gradients(pairs)

    for _ in range(steps):
        step()
    assert "_backend_update_step" not in vars(optimizer)
    operations = len(step.get_concrete_function().graph.get_operations())
    return [v.numpy() for v in (*variables, *optimizer.variables)], operations


MIXED = ("float32", "float64", "float64")


@pytest.mark.parametrize(
    ("name", "dtypes"),
    [*((name, ["float32"]) for name in OPTIMIZERS), ("Adam", MIXED), ("AdamW", MIXED)],
)
def test_the_values_are_keras_own(name, dtypes):
    (ours, _), (kerass, _) = (
        trained(OPTIMIZERS[name], together, dtypes) for together in (True, False)
    )
    for a, b in zip(ours, kerass, strict=True):
        np.testing.assert_array_equal(a, b)


def test_there_are_fewer_operations(monkeypatch):
    monkeypatch.setattr(f"{__name__}.SHAPES", [(2, 3)] * 20)
    counts = [trained(Adam, together, steps=1)[1] for together in (True, False)]
    assert counts[0] < 0.5 * counts[1]


def test_a_class_of_the_users_updates_as_it_says():
    class OneByOne(Adam):
        def update_step(self, gradient, variable, learning_rate):
            assert len(variable.shape) < 3
            super().update_step(tf.sign(gradient), variable, learning_rate)

    def make():
        return OneByOne(clipnorm=1.0)

    (ours, _), (kerass, _) = (trained(make, together) for together in (True, False))
    for a, b in zip(ours, kerass, strict=True):
        np.testing.assert_array_equal(a, b)
