"""A run that is killed, finds the disk full or its folder locked goes on as if not.

This file is also the program whose forks the tests kill.
"""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows.models import checkpoints

KILLS = int(os.environ.get("KILLS", "2"))  # At most, for each of the ways.
EPOCHS = max(5, 2 * KILLS)  # A try gets through one or two.


# Kills.


def test_killed_at_random_and_started_again(tmp_path):
    """Bit by bit what an uninterrupted run ends with."""
    command = [sys.executable, __file__, str(tmp_path)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    for way, began in json.loads(done.stdout).items():
        print(way, began)  # For a test that fails.
        assert began[0] == 0 and began[1] > 0
        whole = np.load(tmp_path / f"whole {way}" / f"{way}.npz")
        resumed = np.load(tmp_path / f"killed {way}" / f"{way}.npz")
        assert whole["epoch"].tolist() == list(range(EPOCHS))
        assert len(whole.files) > 25
        for name in set(whole.files) - {"epoch"}:
            np.testing.assert_array_equal(resumed[name], whole[name], err_msg=name)


def run(model, x, backup, epochs=4, *callbacks):
    backup = keras.callbacks.BackupAndRestore(backup)
    callbacks = [backup, *callbacks]
    return model.fit(x, epochs=epochs, callbacks=callbacks, verbose=0).epoch


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.fixture
def whole(x, make_model):
    """A model after four epochs."""
    model = make_model()
    model.fit(x, epochs=4, verbose=0)
    return model


@pytest.fixture
def backup(x, make_model, tmp_path):
    """What is left of a run that was killed in its third epoch."""
    with pytest.raises(KeyboardInterrupt):
        run(make_model(), x, tmp_path / "backup", 4, Interrupt())
    return tmp_path / "backup"


# What a kill between two acts of Keras leaves: the number of the epoch in a file of its
# own is written after the weights, emptied before it is written, and deleted apart.
BETWEEN = {
    "nothing": (lambda folder: None, [2, 3]),
    "an older epoch": (
        lambda folder: number(folder).write_text('{"epoch": 1, "batch": 0}'),
        [2, 3],
    ),
    "an empty file": (lambda folder: number(folder).write_text(""), [2, 3]),
    "no number": (lambda folder: number(folder).unlink(), [2, 3]),
    "no weights": (lambda folder: weights(folder).unlink(), [0, 1, 2, 3]),
}


def number(folder):
    return folder / "training_metadata.json"


def weights(folder):
    return folder / "latest.weights.h5"


@pytest.mark.parametrize("kind", BETWEEN)
def test_between_the_files_of_a_backup(kind, x, make_model, whole, backup):
    leave, expected = BETWEEN[kind]
    leave(backup)
    model = make_model()
    assert run(model, x, backup) == expected
    assert_same(model, whole)


def test_after_the_last_epoch_only_the_number_is_deleted(x, make_model, tmp_path):
    keep = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    model, again = make_model(), make_model()
    model.fit(x, epochs=2, callbacks=[keep], verbose=0)
    number(tmp_path).unlink()
    assert run(again, x, tmp_path, 2) == []
    assert_same(again, model)


@pytest.mark.parametrize("save_freq", [1, 7, 100])
def test_backups_within_an_epoch_are_refused(save_freq, x, make_model, tmp_path):
    """A run could not go on exactly from them."""
    backup = keras.callbacks.BackupAndRestore(tmp_path / "b", save_freq=save_freq)
    callbacks = keras.callbacks.CallbackList([backup])
    for given in ([backup], backup, callbacks):
        with pytest.raises(ValueError, match=rf"save_freq={save_freq}.*'epoch'"):
            make_model().fit(x, callbacks=given, verbose=0)
    assert not (tmp_path / "b").exists()


def test_backups_elsewhere_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    backup = keras.callbacks.BackupAndRestore("memory://bucket/backup")
    checkpoints.repair_backups([backup])
    assert os.listdir(tmp_path) == []


def test_the_epoch_is_saved_along(x, make_model, tmp_path):
    model = make_model()
    assert model.epoch == 0
    model.fit(x, epochs=3, verbose=0)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    assert keras.models.load_model(tmp_path / "model.keras").epoch == 3
    other = make_model()
    other.load_weights(tmp_path / "model.weights.h5")
    assert other.epoch == model.epoch == 3
    other.fit(x, epochs=5, initial_epoch=other.epoch, verbose=0)
    assert other.epoch == 5


# Full disks and locked folders.


@contextmanager
def full_disk(size):
    """The system writes so many bytes of a file and refuses more, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def nobody():
    """Without the rights of root, for whom no folder is locked."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


FILES = {
    "model.keras": lambda model, path: model.save(path),
    "model.weights.h5": lambda model, path: model.save_weights(path),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_full_disk(name, part, x, whole, make_model, tmp_path):
    path = tmp_path / name
    save = FILES[name]
    save(whole, path)
    before = path.read_bytes()
    model = make_model()
    model.fit(x, verbose=0)
    with full_disk(int(part * len(before))), pytest.raises(OSError) as error:
        save(model, path)
    assert error.value.errno == errno.EFBIG
    assert error.value.filename == str(path) and "unchanged" in str(error.value)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [name]
    save(model, path)  # There is space again.
    model.load_weights(path)
    assert path.read_bytes() != before


@pytest.mark.parametrize("name", FILES)
def test_a_locked_folder(name, whole, make_model):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        locked = Path(folder) / "locked"
        locked.mkdir()
        path = locked / name
        FILES[name](whole, path)
        locked.chmod(0o555)
        with nobody(), pytest.raises(PermissionError, match=str(path)):
            FILES[name](make_model(), path)
        locked.chmod(0o755)
        model = make_model()
        model.load_weights(path)
        assert_same(model, whole)


def test_a_disk_that_gets_full_in_training(x, make_model, whole, tmp_path):
    """The backup of the epoch before remains, and the run goes on from it."""
    with full_disk(resource.RLIM_INFINITY):  # And it is as before in the end.

        def fill(epoch, logs):
            if epoch == 2:
                resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))

        filled = keras.callbacks.LambdaCallback(on_epoch_begin=fill)
        with pytest.raises(OSError, match=r"unchanged: .*latest.weights.h5"):
            run(make_model(), x, tmp_path / "backup", 4, filled)
    model = make_model()
    assert run(model, x, tmp_path / "backup") == [2, 3]
    assert_same(model, whole)


def test_a_folder_that_is_not_there(whole, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no/model.keras"):
        whole.save(tmp_path / "no" / "model.keras")


# Else it is as in Keras.


def test_a_link_stays_one(whole, tmp_path):
    (tmp_path / "there").mkdir()
    there = tmp_path / "there" / "real.keras"
    link = tmp_path / "link.keras"
    link.symlink_to(there)
    whole.save(link)
    assert link.is_symlink() and there.is_file()
    assert os.listdir(tmp_path / "there") == ["real.keras"]


def test_weights_in_parts(x, whole, make_model, tmp_path):
    whole.save_weights(tmp_path / "model.weights.json", max_shard_size=1e-6)
    names = ["model.weights.json", "model_00000.weights.h5"]
    assert sorted(os.listdir(tmp_path)) == names
    model = make_model()
    model.load_weights(tmp_path / "model.weights.json")
    assert_same(model, whole)


@pytest.mark.parametrize("name", FILES)
def test_asking_before_overwriting(name, whole, make_model, tmp_path, monkeypatch):
    path = tmp_path / name
    FILES[name](whole, path)
    before = path.read_bytes()
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or "n")
    save = make_model().save if name.endswith("keras") else make_model().save_weights
    save(path, overwrite=False)
    assert asked and path.read_bytes() == before


def test_names_and_kinds_that_keras_refuses(whole, tmp_path):
    for save, name in [(whole.save, "model"), (whole.save_weights, "model.h5")]:
        with pytest.raises(ValueError, match=r"filename must end|filepath ext"):
            save(tmp_path / name)
    assert os.listdir(tmp_path) == []


def assert_same(a, b):
    """The optimizers' states, too."""
    pairs = [(a.weights, b.weights), (a.optimizer.variables, b.optimizer.variables)]
    for these, those in pairs:
        for u, v in zip(these, those, strict=True):
            np.testing.assert_array_equal(u.numpy(), v.numpy(), err_msg=u.path)


# The program.


def new_model():
    """With a state of random numbers, and statistics that are not trained."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8), keras.layers.BatchNormalization()]
    encoder = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dropout(0.5)])
    flow = tfp_flows.flows.real_nvp(
        2, context_size=8, num_layers=1, hidden_units=[4], seed=0
    )
    model = tfp_flows.FlowModel(flow, encoder=encoder, seed=3)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    return model


def with_backup(folder):
    """As a user writes it, who starts the same program again."""
    return new_model(), keras.callbacks.BackupAndRestore(folder / "backup")


def with_checkpoint(folder):
    path = folder / "model.keras"
    model = keras.models.load_model(path) if path.exists() else new_model()
    return model, keras.callbacks.ModelCheckpoint(path)


WAYS = {
    "backup": with_backup,
    "checkpoint": with_checkpoint,
    "stream, backup": with_backup,
    "stream, checkpoint": with_checkpoint,
}


def train(folder, way, tell) -> None:
    """Trains what is left, and writes what has become of the model."""
    rng = np.random.default_rng(0)
    context = rng.normal(size=[2000, 3])
    x = context[:, :2] + rng.normal(size=[2000, 2])
    model, callback = WAYS[way](folder)
    hooks = ["on_epoch_begin", "on_epoch_end"]
    progress = dict.fromkeys(hooks, lambda epoch, logs: tell(epoch))
    data = {"x": context, "y": x, "batch_size": 17}  # The last batch has 11 rows.
    if way.startswith("stream"):
        data = {"x": tf.data.Dataset.from_tensor_slices((context, x)).batch(17)}
    history = model.fit(
        **data,
        epochs=EPOCHS,
        initial_epoch=model.epoch,
        validation_data=(context[:100], x[:100]),
        callbacks=[keras.callbacks.LambdaCallback(**progress), callback],
        verbose=0,
    )
    loss = model.evaluate(context, x, verbose=0)
    arrays = {f"optimizer {i}": v for i, v in enumerate(model.optimizer.variables)}
    arrays |= {f"weight {i}": w for i, w in enumerate(model.get_weights())}
    np.savez(folder / f"{way}.npz", loss=loss, epoch=history.epoch, **arrays)


def fork(folder, way):
    """A process that trains, and a pipe with each epoch that begins and that ends.

    A fork, for starting TensorFlow takes longer than training.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            train(folder, way, lambda epoch: os.write(write, bytes([epoch])))
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    return pid, read


def until_it_ends(folder, way, rng) -> list:
    """Kills the training again and again; the epoch at which each try began."""
    folder.mkdir()
    began = []
    while True:
        pid, told = fork(folder, way)
        # A beginning or an end of an epoch, and how long after it. The first kill is
        # in the second epoch, so that there is something to resume.
        moment, delay = rng.integers(1, 4) if began else 3, rng.uniform(0.0, 0.1)
        heard = b""
        while len(heard) < moment and (epoch := os.read(told, 1)):
            heard += epoch
        began += heard[:1]
        if len(began) <= KILLS and len(heard) == moment:
            time.sleep(delay)
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(told)
        if not os.WIFSIGNALED(status):
            assert status == 0
            return began


def main(folder):
    rng = np.random.default_rng()
    began = {}
    for way in WAYS:
        whole = folder / f"whole {way}"
        whole.mkdir()
        pid, told = fork(whole, way)
        assert os.waitpid(pid, 0)[1] == 0
        os.close(told)
        began[way] = until_it_ends(folder / f"killed {way}", way, rng)
    print(json.dumps(began))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
