"""Training on several devices and several machines is training on one.

This file is also the program that each process of the tests runs.
"""

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows.models import data
from tfp_flows.objectives import BatchSpec

SMALL = {"num_layers": 1, "hidden_units": [4], "seed": 0}
# Of 49 rows in batches of 16 the last batch is one row: one replica of two gets none.
X = np.random.default_rng(0).normal(2.0, 1.5, size=[51, 2]).astype("float32")
W = np.linspace(0.0, 2.0, 51).astype("float32")
IMAGES = np.random.default_rng(1).normal(size=[51, 2, 2]).astype("float32")
HELD_OUT = 19  # In batches of 8, the last of 3: two rows here, one there.


def plain_flow(base=None):
    """With a layer that `fit` adapts, statistics that are not trained."""
    base = tfp_flows.distributions.StandardNormal(2) if base is None else base
    affine = tfp_flows.bijectors.Affine.trainable(2)
    chain = tfb.Chain([tfp_flows.bijectors.Standardize(2), affine])
    return tfd.TransformedDistribution(base, chain)


def compiled(model):
    alone = model.distribute_strategy.num_replicas_in_sync == 1
    model.compile(
        # SGD sees the scale of a gradient, to which Adam is blind.
        keras.optimizers.SGD(0.05, momentum=0.5),
        metrics=["bits_per_dimension"],
        jit_compile=False if alone else "auto",
    )
    assert not model.jit_compile
    return model


def rows(folder):
    """Data in memory, with weights."""
    real_nvp = tfp_flows.flows.real_nvp(2, **SMALL)
    model = compiled(tfp_flows.FlowModel(plain_flow(real_nvp)))
    history = model.fit(
        X[:49],
        sample_weight=W[:49],
        batch_size=16,
        epochs=2,
        validation_data=(X[:HELD_OUT], None, W[:HELD_OUT]),
        validation_batch_size=8,
        verbose=0,
    )
    nll = model.evaluate(X, sample_weight=W, batch_size=16, verbose=0)
    log_prob = model.predict(X, batch_size=16, verbose=0)
    by_hand = model.train_on_batch(X[:5], sample_weight=W[:5])
    more = {"nll": nll, "log_prob": log_prob, "by hand": by_hand}
    return model, history.history | more


def context(folder):
    """An encoder that is trained along, with a loss of its own."""
    keras.utils.set_random_seed(0)
    decay = keras.regularizers.L2(0.1)
    dense = keras.layers.Dense(3, kernel_regularizer=decay)
    encoder = keras.Sequential([keras.Input((2, 2)), keras.layers.Flatten(), dense])
    flow = tfp_flows.flows.maf(2, context_size=3, **SMALL)
    model = compiled(tfp_flows.FlowModel(flow, encoder=encoder))
    held_out = (IMAGES[:HELD_OUT], X[:HELD_OUT])
    history = model.fit(
        IMAGES, X, batch_size=16, epochs=2, validation_data=held_out, verbose=0
    )
    return model, history.history


def files(folder):
    """A stream from fewer files than there are workers."""
    path = str(folder / "rows.tfrecord")
    stream = tf.data.TFRecordDataset([path]).map(
        lambda record: tf.reshape(tf.io.decode_raw(record, tf.float32), [2])
    )
    # Without its length Keras warns where it ends.
    stream = stream.apply(tf.data.experimental.assert_cardinality(len(X)))
    model = compiled(tfp_flows.FlowModel(plain_flow()))
    history = model.fit(stream.batch(16), epochs=2, verbose=0)
    return model, history.history


def resumed(folder):
    """Two models, the second from the backup of the first, in a folder for all."""
    options = {"batch_size": 16, "verbose": 0}
    for epochs in (1, 2):
        model = compiled(tfp_flows.FlowModel(plain_flow()))
        backup = keras.callbacks.BackupAndRestore(
            folder / "backup", delete_checkpoint=False
        )
        history = model.fit(X[:49], epochs=epochs, callbacks=[backup], **options)
        assert history.epoch == [epochs - 1]
    return model, history.history


CASES = [rows, context, files, resumed]


def results(folder, strategy) -> dict:
    """What is logged and learned, by name."""
    found = {}
    for case in CASES:
        with strategy.scope():
            model, logged = case(folder)
        weights = {f"weight {i}": w for i, w in enumerate(model.get_weights())}
        for name, value in (logged | weights).items():
            found[f"{case.__name__}: {name}"] = np.asarray(value)
    return found


def write_files(folder):
    with tf.io.TFRecordWriter(str(folder / "rows.tfrecord")) as writer:
        for row in X:
            writer.write(row.tobytes())
    for k in range(2):
        with tf.io.TFRecordWriter(str(folder / f"{k}.share")) as writer:
            for i in range(6):
                writer.write(str(6 * k + i))


# The tests.


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    write_files(folder)
    return results(folder, tf.distribute.get_strategy())


def run_together(folder, environments: dict) -> dict:
    """Runs this file once for each role at the same time; the results of each."""
    processes = []
    try:
        for role, environment in environments.items():
            with open(folder / f"{role}.txt", "w") as output:
                command = [sys.executable, __file__, str(folder), role]
                environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"} | environment
                options = {"env": environment, "stderr": output, "stdout": output}
                processes.append(subprocess.Popen(command, **options))
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=180)
    finally:
        codes = [process.poll() for process in processes]
        for process in processes:
            process.kill()
            process.wait()
    # Of all, for when one fails the others wait for it.
    said = [(folder / f"{role}.txt").read_text()[-3000:] for role in environments]
    assert codes == [0] * len(codes), "\n\n".join(said)
    return {role: dict(np.load(folder / f"{role}.npz")) for role in environments}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    assert len(found) > 30
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name], value, rtol=1e-4, atol=1e-5, err_msg=name
        )


def test_two_devices_train_as_one(tmp_path, alone):
    write_files(tmp_path)
    found = run_together(tmp_path, {"devices": {}})
    assert_equal(found["devices"], alone)


def test_two_machines_train_as_one(tmp_path, alone):
    """As two processes that speak by way of ports of this machine."""
    write_files(tmp_path)
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    workers = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    environments = {}
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = {"cluster": {"worker": workers}, "task": task}
        environments[f"worker{index}"] = {"TF_CONFIG": json.dumps(config)}
    found = run_together(tmp_path, environments)
    shares = [found[role].pop("share").tolist() for role in environments]
    assert shares == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    for role in environments:
        assert_equal(found[role], alone)


# The processes.


def two_devices() -> tf.distribute.Strategy:
    (cpu,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    strategy = tf.distribute.MirroredStrategy(["cpu:0", "cpu:1"])
    with strategy.scope(), pytest.raises(ValueError, match=r"2 replicas.*'auto'"):
        tfp_flows.FlowModel(plain_flow()).compile(jit_compile=True)
    return strategy


def share_of_files(folder, strategy) -> list:
    """What this worker reads where workers take files, not rows of each batch."""
    paths = [str(folder / f"{k}.share") for k in range(2)]
    stream = tf.data.TFRecordDataset(paths).map(tf.strings.to_number)
    stream = stream.map(lambda number: number[tf.newaxis]).batch(4)
    options = tf.data.Options()
    by_files = tf.data.experimental.AutoShardPolicy.FILE
    options.experimental_distribute.auto_shard_policy = by_files
    stream = stream.with_options(options)
    spec = BatchSpec(tf.TensorShape([1]), tf.float32)
    stream = data.checked_stream(stream, spec=spec)
    read = []
    for batch in strategy.experimental_distribute_dataset(stream):
        (local,) = strategy.experimental_local_results(data.unpack(batch).x)
        read += local[:, 0].numpy().tolist()
    return read


def main(folder, role):
    if role == "devices":
        strategy = two_devices()
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    assert strategy.num_replicas_in_sync == 2
    found = results(folder, strategy)
    if role != "devices":
        found["share"] = share_of_files(folder, strategy)
    np.savez(folder / f"{role}.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
