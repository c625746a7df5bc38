"""The commands that use a model, and files that are no models."""

import io
import os
import re
import shutil
import sys
import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from cli_helpers import MAF, as_csv
from PIL import Image
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows.cli import model_file
from tfp_flows.cli.record import Origin, Record


def numbers(done):
    assert done.status == 0, done.err
    return np.array(done.out.split(), float)


@pytest.fixture(scope="module")
def loaded(folder):
    return model_file.load(str(folder / "model.keras"))


# score


def test_a_line_for_each_row_in_their_order(run, table, model, rows, loaded):
    done = run("score", table, "--model", model)
    expected = loaded.model.predict(rows, verbose=0)
    np.testing.assert_array_equal(numbers(done).astype("float32"), expected)
    assert f"100 rows, mean NLL {-expected.mean():.3f} nats" in done.err
    assert done.err.count("\n") == 2  # And that it compiles.


def test_columns_are_found_wherever_they_are(
    run, refused, model, rows, loaded, tmp_path
):
    expected = loaded.model.predict(rows, verbose=0)
    names = ["age", "dose", "weight"]
    frame = pd.DataFrame(rows, columns=names)
    frame[["weight", "age", "dose"]].assign(kind="x").to_csv(tmp_path / "a.csv")
    frame.to_csv(tmp_path / "b.tsv", sep="\t", header=False, index=False)
    frame.to_parquet(tmp_path / "c.parquet")
    np.save(tmp_path / "d.npy", rows)
    for name in ("a.csv", "b.tsv", "c.parquet", "d.npy"):
        found = numbers(run("score", tmp_path / name, "--model", model))
        np.testing.assert_array_equal(found.astype("float32"), expected)
    np.save(tmp_path / "e.npy", rows[:, [2, 0, 0, 1]])
    score = ("score", tmp_path / "e.npy", "--model", model)
    refused(2, "trained on 3 of 3, and there are no names", *score)
    refused(2, "takes 3 columns, but 2", *score, "--columns", "1-2")
    found = numbers(run(*score, "--columns", "2,4,1"))
    np.testing.assert_array_equal(found.astype("float32"), expected)
    frame[["age"]].to_csv(tmp_path / "f.csv", index=False)
    message = "f.csv lacks 2 columns of the model: dose, weight"
    refused(2, message, "score", tmp_path / "f.csv", "--model", model)


def test_lines_of_bad_rows_are_nan(run, refused, table, model, tmp_path):
    expected = numbers(run("score", table, "--model", model))
    lines = table.read_text().splitlines()
    lines[3], lines[50:50] = "1,x,2", ["1,2"]
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    score = ("score", tmp_path / "bad.csv", "--model", model)
    error = refused(2, "bad.csv, line 4, column 2 (dose): 'x' is not a", *score)
    assert "2 bad rows in all" in error
    done = run(*score, "--skip-bad-rows")
    found = numbers(done)
    assert np.flatnonzero(np.isnan(found)).tolist() == [2, 49]
    np.testing.assert_array_equal(np.delete(found, [2, 49]), np.delete(expected, 2))
    assert "2 bad rows of 101 left out" in done.err


def test_numbers_beyond_the_model(refused, model, tmp_path):
    (tmp_path / "x.csv").write_text("age,dose,weight\n1,2,3\n1,1e39,3\n")
    message = "x.csv, row 2: has a number beyond 3.4e+38"
    refused(2, message, "score", tmp_path / "x.csv", "--model", model)


def test_context_is_found_by_name(run, refused, table, given, model, rows, tmp_path):
    expected = model_file.load(str(given)).model.predict(
        (rows[:, [1]], rows[:, [0, 2]]), verbose=0
    )
    score = ("score", table, "--model", given)
    np.testing.assert_array_equal(numbers(run(*score)).astype("float32"), expected)
    # Of another file, and by the places of a table without names.
    (tmp_path / "c.csv").write_text(as_csv(rows[:, [1]], ["dose"]))
    np.save(tmp_path / "x.npy", rows)
    np.save(tmp_path / "points.npy", rows[:, [0, 2]])
    apart = ("--context-file", tmp_path / "c.csv")
    for command in (
        (*score, *apart),
        ("score", tmp_path / "points.npy", "--model", given, *apart),
        ("score", tmp_path / "x.npy", "--model", given),
        ("score", tmp_path / "x.npy", "--model", given, "--columns", "1,3"),
    ):
        found = numbers(run(*command))
        np.testing.assert_array_equal(found.astype("float32"), expected)
    refused(2, "takes no context", "score", table, "--model", model, *apart)


# sample


def test_samples_in_each_format(run, model, tmp_path):
    sample = ("sample", "--model", model, "-n", "5000", "--seed", "3")
    done = run(*sample)
    assert done.status == 0 and done.err == ""
    frame = pd.read_csv(io.StringIO(done.out), dtype="float32")
    assert list(frame) == ["age", "dose", "weight"] and len(frame) == 5000
    assert run(*sample, "--format", "tsv").out == done.out.replace(",", "\t")
    for name in ("x.csv", "x.tsv", "x.npy", "x.parquet"):
        assert run(*sample, "--out", tmp_path / name).out == ""
    assert (tmp_path / "x.csv").read_text() == done.out
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), frame)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "x.parquet"), frame)


def test_formats_that_are_not_written(run, refused, model, tmp_path):
    for name in ("x.csv.gz", "x.xlsx"):
        sample = ("sample", "--model", model, "--out", tmp_path / name)
        refused(2, "say --format csv, tsv, npy or parquet", *sample)
        assert not (tmp_path / name).exists()
    assert run(*sample, "--format", "csv").status == 0
    assert run(*sample[:-1], tmp_path / "x.TXT").status == 0


def test_samples_and_seeds(run, model, loaded):
    def sample(*options):
        done = run("sample", "--model", model, "-n", "5000", *options)
        return pd.read_csv(io.StringIO(done.out)).to_numpy()

    first = sample("--seed", "3")
    # More than are drawn at once, and no part twice.
    assert len(np.unique(first, axis=0)) == 5000
    assert np.abs(first - sample("--seed", "4")).max() > 0.01
    assert np.abs(first - sample()).max() > 0.01
    # They are of the model: as probable as rows that the model draws in Python.
    scores = loaded.model.predict(first, verbose=0)
    others = loaded.model.predict(loaded.model.sample(5000, seed=0), verbose=0)
    error = np.hypot(scores.std(), others.std()) / np.sqrt(5000)
    assert abs(scores.mean() - others.mean()) < 4.0 * error


def test_samples_given_a_context(run, refused, given, monkeypatch):
    def contexts(text):
        stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        return ("sample", "--model", given, "--context-file", "-")

    done = run(*contexts("kind,dose\na,-2.5\nb,30\n"), "-n", "200", "--seed", "0")
    frame = pd.read_csv(io.StringIO(done.out))
    # In the order of the table, with each context as it came.
    assert list(frame) == ["age", "dose", "weight"]
    assert done.out.splitlines()[1].split(",")[1] == "-2.5"
    assert frame.dose.tolist() == [-2.5] * 200 + [30.0] * 200
    # The same noise, and not the same rows: they depend on the context.
    other = run(*contexts("dose\n5\n30\n"), "-n", "200", "--seed", "0")
    is_same = frame.age == pd.read_csv(io.StringIO(other.out)).age
    assert is_same[:200].mean() < 0.1 and is_same[200:].all()
    refused(2, "line 2, column 1 (dose): 'x'", *contexts("dose\nx\n"))
    refused(2, "lacks 1 column of the model: dose", *contexts("age\n1\n"))
    refused(2, "give --context-file", "sample", "--model", given)


def test_no_context_where_none_is_taken(refused, table, model):
    sample = ("sample", "--model", model, "--context-file", table)
    refused(2, "takes no context", *sample)


@pytest.mark.parametrize("out, message", [("pipe", ""), ("/dev/full", "No space")])
def test_output_that_cannot_be_written(run, model, monkeypatch, out, message):
    if out == "pipe":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(out, os.O_WRONLY)
    with os.fdopen(writer, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        done = run("sample", "--model", model)
    assert done.status == 1
    assert done.err.count("\n") == (1 if message else 0) and message in done.err


def test_output_that_cannot_be_replaced(run, refused, model, tmp_path):
    sample = ("sample", "--model", model, "--out")
    assert run(*sample, os.devnull).status == 0
    refused(1, "/dev/full: No space left", *sample, "/dev/full")
    refused(1, "Is a directory", *sample, tmp_path)
    (tmp_path / "link.csv").symlink_to(tmp_path / "there.csv")
    assert run(*sample, tmp_path / "link.csv").status == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there.csv").read_text().startswith("age,dose,weight\n")


def test_samples_are_read_again_where_columns_have_no_names(run, rows, tmp_path):
    """Also of columns in another order than the table's."""
    np.save(tmp_path / "x.npy", rows)
    model, out = tmp_path / "m.keras", tmp_path / "new.npy"
    fit = ("fit", tmp_path / "x.npy", "--columns", "3,1", "--out", model, *MAF)
    assert run(*fit).status == 0
    assert run("sample", "--model", model, "-n", "9", "--out", out).status == 0
    samples = np.load(out)
    near = np.abs(samples - rows[:, [0, 2]].mean(axis=0))
    assert (near < 10.0 * rows[:, [0, 2]].std(axis=0)).all()
    scores = numbers(run("score", out, "--model", model))
    expected = model_file.load(str(model)).model.predict(samples[:, ::-1], verbose=0)
    np.testing.assert_array_equal(scores.astype("float32"), expected)


# plot and info


@pytest.mark.parametrize("name", ["model", "given"])
def test_plot(run, folder, name, tmp_path):
    model = folder / f"{name}.keras"
    out = tmp_path / "pictures"
    done = run("plot", folder / "table.csv", "--model", model, "--out", out)
    assert done.status == 0 and str(out) in done.out
    for picture in ("loss", "marginals", "pairs", "calibration"):
        with Image.open(out / f"{picture}.png") as image:
            assert image.width > 300
        assert f"{picture}.png" in done.out


def test_info(run, given):
    done = run("info", given)
    assert done.status == 0 and done.err == ""
    record = model_file.load(str(given)).record
    assert "\n".join(record.report()) in done.out
    assert "given 1 column: dose" in done.out
    assert "Autoregressive" in done.out
    assert "columns:\n  age\n  weight\ncontext:\n  dose\n" in done.out


def test_models_saved_from_python(run, refused, rows, tmp_path):
    """They know no names: columns go by number."""
    base = tfd.MultivariateNormalDiag(tf.zeros(2), [2.0, 3.0])
    affine = tfp_flows.bijectors.Affine.trainable(2)
    flow = tfd.TransformedDistribution(base, affine)
    model = tfp_flows.FlowModel(flow)
    path = tmp_path / "m.keras"
    model.save(path)
    np.save(tmp_path / "x.npy", rows[:, :2])
    score = ("score", tmp_path / "x.npy", "--model", path)
    expected = flow.log_prob(rows[:, :2].astype("float32"))
    np.testing.assert_allclose(numbers(run(*score)), expected, rtol=1e-5)
    assert "no record of a table" in run("info", path).out
    assert len(run("sample", "--model", path, "-n", "3").out.splitlines()) == 3
    # Its base is no standard normal, and how it was trained is not known.
    plot = ("plot", tmp_path / "x.npy", "--model", path, "--out", tmp_path)
    assert "pictures: marginals.png, pairs.png in" in run(*plot).out


# Files that are no models


@pytest.fixture
def commands(table, tmp_path):
    """What can be done with a model file that is no good."""
    return lambda path: (
        ("info", path),
        ("score", table, "--model", path),
        ("sample", "--model", path, "--out", tmp_path / "x.csv"),
        ("plot", table, "--model", path, "--out", tmp_path / "pictures"),
    )


def test_models_cut_off_anywhere(refused, commands, model, tmp_path):
    whole = model.read_bytes()
    path = tmp_path / "cut.keras"
    sizes = np.random.default_rng(0).integers(0, len(whole), 100)
    for i, size in enumerate(sizes):
        path.write_bytes(whole[:size])
        refused(2, "cut.keras is no model, or was cut off", *commands(path)[i % 4])
    assert os.listdir(tmp_path) == ["cut.keras"]


def test_models_with_a_changed_byte(run, commands, model, tmp_path):
    """Found, or where it does not matter: never a traceback, or other numbers."""
    whole = bytearray(model.read_bytes())
    path = tmp_path / "changed.keras"
    good = run(*commands(model)[0]).out
    found = 0
    for place in np.random.default_rng(1).integers(0, len(whole), 60):
        changed = whole.copy()
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        done = run(*commands(path)[0])
        assert (done.status, done.err.count("\n")) == (2, 1) or done.out == good
        found += done.status == 2
    assert found > 40


def with_part(model, path, name, change):
    """A copy of a model file with one part of it changed, or left out."""
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(path, "w") as new:
        for part in old.namelist():
            content = old.read(part)
            content = change(content) if part == name else content
            if content is not None:
                new.writestr(part, content)
    return path


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("config.json", lambda _: None, "it has no config.json"),
        ("model.weights.h5", lambda _: None, "it has no model.weights.h5"),
        ("model.weights.h5", lambda _: b"no", "cannot be read"),
        ("config.json", lambda _: b"{", "cannot be read"),
        (
            "config.json",
            lambda text: text.replace(b'"format": 1', b'"format": 99'),
            "saved in format 99",
        ),
        (
            "config.json",
            lambda text: text.replace(b"tfp_flows>FlowModel", b"tfp_flows>FlowModel9"),
            "Could not locate class",
        ),
        (
            "tfp_flows_table.json",
            lambda text: text.replace(b'"format": 1', b'"format": 2').replace(
                b'"version": "0', b'"version": "7'
            ),
            "it was written by tfp_flows 7",
        ),
        ("tfp_flows_table.json", lambda text: text[:-9], "cannot be read"),
        ("tfp_flows_table.json", lambda _: b'{"format": 1}', "was changed"),
        ("tfp_flows_table.json", lambda _: b"[]", "has the format None"),
        (
            "tfp_flows_table.json",
            lambda text: re.sub(rb'"nll": [\d.]+', b'"nll": "low"', text),
            "was changed",
        ),
        (
            "tfp_flows_table.json",
            lambda text: text.replace(b"[0, 1, 2]", b"[0, 1, 9]"),
            "was changed (its columns do not fit its table)",
        ),
        (
            "tfp_flows_table.json",
            lambda text: text.replace(b"[0, 1, 2]", b"[0, 1]").replace(
                b'["age", "dose", "weight"]', b'["age", "dose"]'
            ),
            "its record is that of another model",
        ),
    ],
)
def test_models_of_another_version(
    refused, commands, model, tmp_path, name, change, message
):
    path = with_part(model, tmp_path / "m.keras", name, change)
    error = refused(2, message, *commands(path)[1])
    assert "m.keras" in error and len(error) < 700


def test_no_models(refused, commands, table, model, tmp_path):
    shutil.copy(table, tmp_path / "table.keras")
    shutil.copy(model, tmp_path / "model")
    (tmp_path / "folder.keras").mkdir()
    plain = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    plain.save(tmp_path / "plain.keras")
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("letter.txt", "Dear")
    for name, status, message in (
        ("table.keras", 2, "table.keras is no model"),
        ("model", 2, "the name of a model ends in .keras"),
        ("folder.keras", 1, "folder.keras: Is a directory"),
        ("plain.keras", 2, "a Keras model, a Sequential, but no flow"),
        ("zip.keras", 2, "zip.keras is no model: it has no config.json"),
        ("nowhere.keras", 1, "nowhere.keras: No such file"),
    ):
        for command in commands(tmp_path / name):
            refused(status, message, *command)


def test_record_as_json():
    origin = Origin([2, 0], ["ä", "b\n"], 3)
    record = Record(
        origin, None, True, "t", "nsf", None, 0, 9, 1, 1, 0.5, None, {"loss": [1.0]}
    )
    assert Record.from_json(record.to_json()) == record


def test_columns_without_a_name_are_called_by_number():
    origin = Origin([0, 2], ["", "age"], 3)
    assert origin.labels == ["column 1", "age"]
    assert origin.words() == "2 columns: column 1, age"
