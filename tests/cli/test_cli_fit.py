"""`tfp-flows fit`: what it learns, writes and keeps."""

import errno
import io
import os
import re
import resource
import sys
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.stats
from cli_helpers import MAF, SMALL, as_csv
from PIL import Image

from tfp_flows.cli import model_file, preparing
from tfp_flows.cli.gaussian import gaussian_nll
from tfp_flows.cli.inputs import Data


def numbers(done):
    assert done.status == 0, done.err
    return np.array(done.out.split(), float)


def nll_of(done):
    return float(re.search(r"held out: (\S+) nats", done.out)[1])


def held_out_nll(path, rows):
    """Of the model in a file, on the rows that the command held out."""
    _, held_out, _ = preparing.split(len(rows), 0.1, None, np.random.default_rng(0))
    model = model_file.load(str(path)).model
    return -model.predict(rows[held_out], verbose=0).mean()


def test_report_pictures_and_record(run, table, rows, tmp_path):
    out, pictures = tmp_path / "m.keras", tmp_path / "new" / "pictures"
    fit = ("fit", table, "--out", out, *SMALL, "--quiet")
    done = run(*fit, "--pictures", pictures)
    assert done.status == 0
    assert done.err == ""  # --quiet, and nothing to warn of.
    assert "table.csv: 90 rows for training, 10 held out" in done.out
    assert "density of 3 columns: age, dose, weight" in done.out
    assert sorted(os.listdir(tmp_path)) == ["m.keras", "new"]
    names = ["calibration.png", "loss.png", "marginals.png", "pairs.png"]
    assert sorted(os.listdir(pictures)) == names
    for name in names:
        with Image.open(pictures / name) as picture:
            assert picture.width > 400
    record = model_file.load(str(out)).record
    assert record.columns.headers == ["age", "dose", "weight"]
    # The report is of the model that was written, on rows that it was not trained on.
    assert record.nll == pytest.approx(nll_of(done), abs=6e-4)
    assert record.nll == min(record.history["val_loss"])
    assert record.nll == pytest.approx(held_out_nll(out, rows), rel=1e-4)
    assert record.nll < record.gaussian_nll + 2.0  # The columns are standardised.
    assert len(record.history["loss"]) == 2
    assert np.diff(record.history["loss"]) < 0


def weights_of(path):
    weights = model_file.load(str(path)).model.trainable_weights
    return np.concatenate([np.ravel(weight) for weight in weights])


def test_the_seed_decides_all(run, table, model, tmp_path):
    again, other = tmp_path / "again.keras", tmp_path / "other.keras"
    fit = ("fit", table, *MAF, "--quiet")
    assert run(*fit, "--out", again).status == 0
    np.testing.assert_array_equal(weights_of(model), weights_of(again))
    assert run(*fit, "--seed", "1", "--out", other).status == 0
    assert np.abs(weights_of(model) - weights_of(other)).max() > 1e-3


def test_scores_are_a_density_of_the_numbers_as_they_are(run, tmp_path):
    """They integrate to 1, also where float32 could not tell the rows apart."""
    shift = 1e9
    x = np.random.default_rng(0).gamma(3.0, 20.0, size=(200, 1)) + shift
    (tmp_path / "x.csv").write_text(as_csv(x))
    out = tmp_path / "m.keras"
    options = ["--no-pictures", "--learning-rate", "0.01"]
    done = run("fit", tmp_path / "x.csv", "--out", out, *SMALL, *options)
    assert done.status == 0
    grid = np.linspace(shift - 400.0, shift + 700.0, 4001)
    (tmp_path / "grid.csv").write_text(as_csv(grid[:, None]))
    density = np.exp(numbers(run("score", tmp_path / "grid.csv", "--model", out)))
    assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=0.01)
    assert np.count_nonzero(np.diff(density)) > 500


def test_standard_input_and_bad_rows(run, table, tmp_path, monkeypatch):
    lines = table.read_text().splitlines()
    lines[5], lines[50:50] = "1,x,2", ["1,2", "1,,2"]
    stdin = io.TextIOWrapper(io.BytesIO("\n".join(lines).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    fit = ("fit", "-", "--out", tmp_path / "m.keras", *MAF, "--skip-bad-rows")
    done = run(*fit, "--held-out", "0.2", "--batch-size", "10")
    assert done.status == 0
    assert "standard input, line 6, column 2 (dose): 'x' is not a number" in done.err
    assert "standard input, line 51: 2 cells in place of 3" in done.err
    assert "standard input, line 52, column 2 (dose): is empty" in done.err
    assert "3 bad rows of 102 left out" in done.err
    assert "standard input: 79 rows for training, 20 held out" in done.out
    # Standard output is for data.
    assert "Epoch 2/2" in done.err and "Epoch" not in done.out
    assert os.listdir(tmp_path) == ["m.keras"]


def test_contexts_are_standardised(given, rows):
    context = model_file.load(str(given)).model.encoder(rows[:, [1]]).numpy()
    # By the rows for training, which are most of these.
    assert abs(context.mean()) < 0.2 and abs(context.std() - 1.0) < 0.2


def test_a_context_of_its_own(run, refused, rows, tmp_path):
    np.save(tmp_path / "x.npy", rows[:, :2])
    np.save(tmp_path / "c.npy", rows[:, 2])
    both = ("--context-file", tmp_path / "c.npy")
    out = tmp_path / "m.keras"
    done = run("fit", tmp_path / "x.npy", *both, "--out", out, *MAF)
    assert "given 1 column" in done.out
    score = ("score", tmp_path / "x.npy", "--model", out)
    with_context = numbers(run(*score, *both))
    refused(2, "--context-file", *score)
    np.save(tmp_path / "c.npy", rows[::-1, 2])
    assert np.abs(numbers(run(*score, *both)) - with_context).max() > 1e-3
    np.save(tmp_path / "c.npy", rows[:-1, 2])
    refused(2, "99 rows", *score, *both)


# What interrupts it


@pytest.fixture
def old(tmp_path):
    """A model file from before."""
    path = tmp_path / "m.keras"
    path.write_bytes(b"of yesterday")
    return path


@pytest.mark.parametrize("epoch", [0, 6])
def test_ctrl_c(run, table, rows, old, monkeypatch, epoch):
    """The best model so far is kept, if there is one."""

    class Interrupting(keras.callbacks.ReduceLROnPlateau):
        def on_epoch_begin(self, number, logs=None):
            if number == epoch:
                raise KeyboardInterrupt

    monkeypatch.setattr(keras.callbacks, "ReduceLROnPlateau", Interrupting)
    fit = ("fit", table, "--out", old, *MAF, "--quiet", "--epochs", "9")
    done = run(*fit, "--learning-rate", "3")
    assert done.status == 130
    assert done.err.count("\n") == 1
    if epoch == 0:
        assert old.read_bytes() == b"of yesterday"
        return
    record = model_file.load(str(old)).record
    losses = record.history["val_loss"]
    assert record.best_epoch < len(losses) == epoch
    assert record.nll == min(losses) == losses[record.best_epoch - 1]
    assert record.nll == pytest.approx(held_out_nll(old, rows), rel=1e-4)


def test_training_that_fails(refused, table, old):
    # Each of Adam's steps is as large as the learning rate.
    options = [*MAF, "--quiet", "--learning-rate", "1e30"]
    refused(1, "training failed", "fit", table, "--out", old, *options)
    assert old.read_bytes() == b"of yesterday"
    assert os.listdir(old.parent) == [old.name]


@contextmanager
def full_disk(size):
    """No file can grow beyond so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk(refused, model, old):
    loaded = model_file.load(str(model))
    size = model.stat().st_size
    with full_disk(size // 2), pytest.raises(OSError, match="too large") as error:
        model_file.save(loaded.model, loaded.record, old)
    assert error.value.filename == str(old)
    sample = ("sample", "-n", str(size // 8), "--model", model, "--format", "csv")
    with full_disk(size):
        refused(1, f"{old}: File too large", *sample, "--out", old)
    with full_disk(100):  # Keras unpacks a model to read it.
        refused(1, "File too large", "info", model)
    assert old.read_bytes() == b"of yesterday"
    assert os.listdir(old.parent) == [old.name]


def test_what_was_trained_is_not_lost(folder, old, monkeypatch, capsys):
    loaded = model_file.load(str(folder / "model.keras"))
    replacing = model_file.replacing

    def full(path):
        if path == old:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return replacing(path)

    monkeypatch.setattr(model_file, "replacing", full)
    monkeypatch.setattr("tempfile.tempdir", str(old.parent))
    with pytest.raises(OSError, match="No space"):
        model_file.save_or_rescue(loaded.model, loaded.record, old)
    rescued = Path(re.search(r"is in (.*\.keras)", capsys.readouterr().err)[1])
    assert rescued.parent.parent == old.parent
    assert model_file.load(str(rescued)).record == loaded.record


# The Gaussian to compare with


def test_gaussian():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(500, 3)) @ generator.normal(size=(3, 3)) + 5.0
    train, held_out = x[:400], x[400:]
    covariance = np.cov(train.T, bias=True)
    expected = scipy.stats.multivariate_normal(train.mean(axis=0), covariance)
    found = gaussian_nll(Data(train, None), Data(held_out, None))
    assert found == pytest.approx(-expected.logpdf(held_out).mean())
    # Given the third column: the joint density over that of the context.
    context = scipy.stats.norm(train[:, 2].mean(), train[:, 2].std())
    given = gaussian_nll(
        *(Data(part[:, :2], part[:, 2:]) for part in (train, held_out))
    )
    assert given == pytest.approx(found + context.logpdf(held_out[:, 2]).mean())


def test_no_gaussian_of_few_rows():
    x = np.random.default_rng(0).normal(size=(5, 4))
    assert gaussian_nll(Data(x, None), Data(x, None)) is None
