"""A SavedModel, loaded by a process that imports TensorFlow alone."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows.networks import OneHot

X = np.random.default_rng(0).normal(size=[5, 2]).astype("float32")
IMAGES = np.random.default_rng(1).normal(size=[5, 4, 4]).astype("float32")
SMALL = {"num_layers": 2, "hidden_units": [4], "seed": 0}

LOAD = """
    import sys
    import numpy as np, tensorflow as tf
    folder = sys.argv[1]
    x, images = np.load(folder + "/x.npy"), np.load(folder + "/images.npy")
    found = {}
    for name in ("maf", "nsf", "conditional", "encoded"):
        served = tf.saved_model.load(f"{folder}/{name}")
        context = {"conditional": [x], "encoded": [images]}.get(name, [])
        found[name + " log_prob"] = served.log_prob(*context, x)
        found[name + " samples"] = served.sample(*context, 3, 7)
        signature = served.signatures["serving_default"]
        names = ["context", "x"] if context else ["x"]
        inputs = [*map(tf.constant, context), tf.constant(x)]
        (found[name + " served"],) = signature(
            **dict(zip(names, inputs, strict=True))).values()
    assert not {"tfp_flows", "tensorflow_probability"} & set(sys.modules)
    np.savez(folder + "/found.npz", **found)
"""


def off_zero(model, seed=0):
    rng = np.random.default_rng(seed)
    for v in model.trainable_variables:
        v.assign_add(rng.normal(scale=0.3, size=v.shape))
    return model


def models():
    flows = tfp_flows.flows
    encoder = keras.Sequential(
        [keras.Input((4, 4)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    conditional = flows.maf(2, context_size=2, **SMALL)
    encoded = flows.real_nvp(2, context_size=3, **SMALL)
    return {
        "maf": (tfp_flows.FlowModel(flows.maf(2, **SMALL)), None),
        "nsf": (tfp_flows.FlowModel(flows.nsf(2, **SMALL)), None),
        "conditional": (tfp_flows.FlowModel(conditional), X),
        "encoded": (tfp_flows.FlowModel(encoded, encoder=encoder), IMAGES),
    }


def test_tensorflow_alone_serves_it(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "images.npy", IMAGES)
    expected = {}
    for name, (model, context) in models().items():
        off_zero(model)
        model.export(tmp_path / name)
        inputs = X if context is None else (context, X)
        expected[f"{name} log_prob"] = model.predict(inputs, verbose=0)
        expected[f"{name} served"] = expected[f"{name} log_prob"]
        options = {} if context is None else {"context": context}
        expected[f"{name} samples"] = model.sample(3, seed=7, **options)
    command = [sys.executable, "-c", textwrap.dedent(LOAD), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = np.load(tmp_path / "found.npz")
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert found[key].shape == value.shape
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5)


def test_any_number_of_points_and_seeds(tmp_path):
    model = off_zero(tfp_flows.FlowModel(tfp_flows.flows.maf(2, **SMALL)))
    model.export(str(tmp_path / "m"))
    served = tf.saved_model.load(str(tmp_path / "m"))
    assert served.log_prob(X[:1]).shape == [1]
    assert served.sample(9, 0).shape == [9, 2]
    np.testing.assert_array_equal(served.sample(9, 0), served.sample(9, 0))
    assert np.any(served.sample(9, 0) != served.sample(9, 1))


def test_class_labels(tmp_path):
    flow = tfp_flows.flows.maf(2, context_size=3, **SMALL)
    model = off_zero(tfp_flows.FlowModel(flow, encoder=OneHot(3)))
    model.export(tmp_path / "m")
    served = tf.saved_model.load(str(tmp_path / "m"))
    labels = np.arange(len(X)) % 3
    expected = model.predict((labels, X), verbose=0)
    np.testing.assert_allclose(served.log_prob(labels, X), expected, rtol=1e-5)
    assert served.sample([0, 2], 5, 0).shape == [5, 2, 2]
    assert np.isnan(served.log_prob([3], X[:1])).all()


def test_mistakes(tmp_path):
    model = tfp_flows.FlowModel(tfp_flows.flows.maf(2, **SMALL))
    with pytest.raises(ValueError, match="takes no other format"):
        model.export(tmp_path / "m", format="onnx")
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(ValueError, match="writes a folder"):
        model.export(path)
    assert path.read_text() == "mine"

    class Encoder(keras.Layer):
        def call(self, x):
            return x

    encoder = Encoder()
    encoder.build((None, 2))
    flow = tfp_flows.flows.maf(2, context_size=2, **SMALL)
    model = tfp_flows.FlowModel(flow, encoder=encoder)
    with pytest.raises(ValueError, match=r"(?s)encoder.*keras\.Input"):
        model.export(tmp_path / "n")
    assert not (tmp_path / "n").exists()
