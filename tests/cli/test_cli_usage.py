"""What the command refuses before it trains, each with one line that says why."""

import dataclasses
import inspect
import os
from contextlib import contextmanager

import numpy as np
import pytest
from cli_helpers import as_csv

from tfp_flows import flows
from tfp_flows.cli import preparing
from tfp_flows.cli.fit import FLOWS
from tfp_flows.cli.inputs import Data, Rows
from tfp_flows.cli.messages import Mistake, report
from tfp_flows.cli.record import Origin
from tfp_flows.cli.training import make_model
from tfp_flows.testing import FLOW_EXAMPLES

GOOD = np.random.default_rng(0).normal(size=(30, 3))
NAMES = ["age", "dose", "weight"]


def changed(row, text):
    """The good table with a line in another's place."""
    lines = as_csv(GOOD, NAMES).splitlines()
    lines[row - 1] = text
    return "\n".join(lines)


def with_column(column):
    return as_csv(np.column_stack([GOOD, np.broadcast_to(column, 30)]))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "COMMAND"),
        (["paint"], "paint"),
        (["fit"], "DATA, --out"),
        (["fit", "x.csv"], "--out"),
        (["fit", "x.csv", "--out", "m.h5"], ".keras"),
        (["fit", "x.csv", "--out", "m.keras", "--epochs", "0"], "1 or more"),
        (
            ["fit", "x.csv", "--out", "m.keras", "--epochs", "many"],
            "argument --epochs: must be a whole number, but got 'many'",
        ),
        (
            ["fit", "x.csv", "--out", "m.keras", "--noise", "little"],
            "argument --noise: must be a number, but got 'little'",
        ),
        (["fit", "x.csv", "--out", "m.keras", "--seed", "1.5"], "a whole number"),
        (["fit", "x.csv", "--out", "m.keras", "--held-out", "1"], "between 0 and 1"),
        (["fit", "x.csv", "--out", "m.keras", "--noise", "0"], "above 0"),
        (["fit", "x.csv", "--out", "m.keras", "--noise", "inf"], "above 0 and finite"),
        (["fit", "x.csv", "--out", "m.keras", "--hidden", "8,x"], "got '8,x'"),
        (["fit", "x.csv", "--out", "m.keras", "--flow", "glow9"], "glow9"),
        (["fit", "x.csv", "--out", "m.keras", "--delimiter", "||"], "||"),
        (["score", "x.csv"], "--model"),
        (["sample", "--model", "m.keras", "-n", "0"], "1 or more"),
        (["sample", "--model", "m.keras", "--seed", "1.5"], "a whole number, but got"),
        (["demo", "--epochs", "0"], "1 or more"),
        (["demo", "--epochs", "many"], "many"),
    ],
)
def test_bad_usage(refused, arguments, message):
    assert "--help" in refused(2, message, *arguments)


@pytest.mark.parametrize(
    "command", [None, "fit", "score", "sample", "plot", "info", "demo"]
)
def test_help(run, command):
    done = run(*([command] if command else []), "--help")
    assert done.status == 0 and done.err == ""
    assert max(map(len, done.out.splitlines())) <= 88
    assert "None" not in done.out
    if command in ("fit", "score"):
        assert "--skip-bad-rows" in done.out and "examples:" in done.out


def test_flows_of_the_command_are_those_of_vectors():
    """All that need no more than an event size, with what their docstrings say."""
    images = {name for name in flows.__all__ if FLOW_EXAMPLES[name].is_of_images}
    assert set(FLOWS) == set(flows.__all__) - images - {"coupling", "autoregressive"}
    assert FLOWS["maf"] == "Autoregressive layers that shift and scale"


@pytest.mark.parametrize("name", FLOWS)
def test_every_flow_of_the_command_is_made(name):
    """Of one column, where it can be, and of three given another."""
    rows = Data(GOOD, GOOD[:, :1])
    known = inspect.signature(getattr(flows, name)).parameters
    options = {"num_layers": 1, "hidden_units": [4]}
    options = {key: value if key in known else None for key, value in options.items()}
    options |= {"learning_rate": 1e-3, "seed": 0, "dtype": "float32"}
    model = make_model(name, rows, **options)
    assert model.family.context_size == 1
    if FLOW_EXAMPLES[name].smallest == 1 or name in ("nsf", "flow_plus_plus"):
        model = make_model(name, Data(GOOD[:, :1], None), **options)
        assert model.distribution.event_shape == [1]


@pytest.mark.parametrize(
    "content, options, message",
    [
        ("", [], "table.csv is empty"),
        ("age,dose\n", [], "header and no rows"),
        (changed(9, ",".join(NAMES)), [], "line 9, column 1 (age): 'age' is not a"),
        (changed(9, "1,two,3"), [], "line 9, column 2 (dose): 'two' is not a number"),
        (changed(9, "1,nan,3"), [], "line 9, column 2 (dose): the number is missing"),
        (changed(9, "1,2"), [], "line 9: 2 cells in place of 3"),
        (changed(9, "1,2,3,4"), [], "line 9: 4 cells in place of 3"),
        (changed(2, "a,b,c") + "\n1,x,2", [], "2 bad rows in all (--skip-bad-rows"),
        (
            "a,1.5\n" * 20,
            ["--no-header"],
            "no row is good: if these columns are not for",
        ),
        (with_column(2.5), [], "column 4 is 2.5 in every row"),
        (with_column(GOOD[:, 1]), [], "column 4 is a copy of column 2"),
        (with_column(GOOD.sum(axis=1)), [], "follow from one another"),
        (with_column(GOOD[:, 0]), ["--context", "1"], "column 4 follows from the cont"),
        (with_column(2.5), ["--context", "4"], "context's column 4 is constant"),
        (with_column(GOOD[:, 1]), ["--noise", "1e-9"], "add more noise"),
        ("1,2,3\n", [], "1 good row"),
        ("1,2\n" * 9, [], "9 good rows"),
        (as_csv(np.ones([2, 10_000])), [], "2 good rows"),
        (as_csv(np.eye(12, 10_000)), [], "10,000 columns are more"),
        (as_csv(GOOD, NAMES), ["--columns", "age,height"], "no column named 'height'"),
        (as_csv(GOOD, NAMES), ["--columns", "1-4"], "columns 1 to 3"),
        (as_csv(GOOD, NAMES), ["--columns", ""], "no column was named in ''"),
        (as_csv(GOOD, NAMES), ["--columns", "1", "--context", "age"], "both in --col"),
        (as_csv(GOOD, NAMES), ["--context", "1-3"], "none is left"),
        (as_csv(GOOD, ["a", "a", "b"]), [], "named 'a'"),
        (as_csv(GOOD, NAMES), ["--flow", "linear", "--layers", "2"], "--layers"),
        (as_csv(GOOD, NAMES), ["--flow", "bnaf", "--hidden", "8"], "--hidden: the"),
        (as_csv(GOOD, NAMES), ["--flow", "maf", "--autoregressive"], "maf has no such"),
        (as_csv(GOOD[:, :1]), ["--flow", "real_nvp"], "does not go with 1 column"),
    ],
)
def test_bad_data(refused, tmp_path, content, options, message):
    table = tmp_path / "table.csv"
    table.write_text(content)
    error = refused(
        2, message, "fit", table, "--out", tmp_path / "model.keras", *options
    )
    assert len(error) < 500
    assert os.listdir(tmp_path) == ["table.csv"]


def test_a_context_with_another_number_of_rows(refused, tmp_path):
    for name, rows in (("x.csv", GOOD), ("c.csv", GOOD[:-1])):
        (tmp_path / name).write_text(as_csv(rows))
    message = f"c.csv has 29 rows, but {tmp_path / 'x.csv'} has 30 rows"
    refused(
        2,
        message,
        *("fit", tmp_path / "x.csv", "--context-file", tmp_path / "c.csv"),
        *("--out", tmp_path / "model.keras"),
    )
    refused(2, "cannot be both", "fit", "-", "--context-file", "-", "--out", "m.keras")


# Files that cannot be read or written: found before training, and status 1.


@contextmanager
def as_nobody():
    """Without the rights of the administrator, who may do anything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def files(tmp_path):
    """A good table, a folder, a file that only its owner may read."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:  # Those that pytest has made.
        if parent.name.startswith(("pytest-", "popen-")):
            parent.chmod(0o755)
    (tmp_path / "table.csv").write_text(as_csv(GOOD, NAMES))
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "secret.csv").write_text(as_csv(GOOD))
    (tmp_path / "secret.csv").chmod(0o000)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    return tmp_path


@pytest.mark.parametrize(
    "data, out, message",
    [
        ("nowhere.csv", "open/m.keras", "nowhere.csv: No such file"),
        ("folder.keras", "open/m.keras", "folder.keras: Is a directory"),
        ("secret.csv", "open/m.keras", "secret.csv: Permission denied"),
        ("table.csv", "folder.keras", "folder.keras: Is a directory"),
        ("table.csv", "missing/m.keras", "missing/m.keras: No such file"),
        ("table.csv", "table.csv/m.keras", "m.keras: Not a directory"),
        ("table.csv", "closed/m.keras", "closed/m.keras: Permission denied"),
        ("table.csv", "open/mine.keras", "open/mine.keras: Permission denied"),
    ],
)
def test_files(refused, files, data, out, message):
    (files / "closed").mkdir(0o555)
    (files / "open" / "mine.keras").write_text("mine")
    (files / "open" / "mine.keras").chmod(0o444)
    with as_nobody():
        refused(1, message, "fit", files / data, "--out", files / out)
    assert os.listdir(files / "open") == ["mine.keras"]
    assert (files / "open" / "mine.keras").read_text() == "mine"


def test_a_file_in_place_of_a_folder(refused, files, model):
    table = files / "table.csv"
    fit = ("fit", table, "--out", files / "m.keras")
    commands = (
        (*fit, "--pictures", table),
        (*fit, "--pictures", table / "deeper" / "still"),
        ("plot", table, "--model", model, "--out", table),
        ("demo", "--out", table),
    )
    for command in commands:
        refused(1, "table.csv: Not a directory", *command)
    assert table.read_text() == as_csv(GOOD, NAMES)


# What becomes of the rows


def of_table(points, context=None):
    origin = Origin(list(range(points.shape[1])), None, points.shape[1])
    numbers = np.arange(len(points))
    return Rows(Data(points, context), origin, origin, False, numbers, len(points), "t")


def test_names_of_files_that_are_no_text(capsysbinary):
    report([os.fsdecode(b"caf\xe9.csv: 9 rows")])
    assert capsysbinary.readouterr().out == b"caf\xe9.csv: 9 rows\n"


def test_noise_makes_a_density():
    good = GOOD * [1.0, 1e-3, 1e3]
    points = np.column_stack([good, good[:, 0], np.full(30, 1e3), np.zeros(30)])
    noisy = preparing.add_noise(points, 0.01, np.random.default_rng(0))
    preparing.require_density(of_table(points), Data(noisy, None), has_noise=True)
    deviations = (noisy - points).std(axis=0)
    expected = 0.01 * np.array([*points.std(axis=0)[:4], 1e3, 1.0])
    np.testing.assert_allclose(deviations, expected, rtol=0.5)
    with pytest.raises(Mistake):
        preparing.require_density(of_table(points), Data(points, None), has_noise=False)


def test_ties_are_warned_of_and_noise_is_offered(capsys):
    def warning(points, has_noise=False):
        data = Data(points, None)
        preparing.require_density(of_table(points), data, has_noise)
        return capsys.readouterr().err

    points = GOOD.copy()
    assert warning(points) == ""
    points[:, 1] = points[:, 1].round(1)
    assert "column 2 repeats values" in warning(points)
    assert "--noise 0.001" in warning(points)
    assert warning(points, has_noise=True) == ""


def test_columns_that_number_the_rows_are_warned_of(capsys):
    """Also where bad rows are left out."""
    preparing.warn_of_numbering(of_table(GOOD))
    assert capsys.readouterr().err == ""
    rows = of_table(np.column_stack([GOOD, 3.0 - 2.0 * np.arange(30), np.ones(30)]))
    good = np.delete(np.arange(30), [3, 17, 18])
    rows = dataclasses.replace(rows, data=rows.data.take(good), numbers=good)
    preparing.warn_of_numbering(rows)
    assert "t: column 4 numbers the rows" in capsys.readouterr().err


@pytest.mark.parametrize("num_rows", [10, 11, 57, 100, 1599, 4567, 45_730])
def test_each_row_is_once_in_training_or_held_out(num_rows):
    train, held_out, batch_size = preparing.split(
        num_rows, 0.1, None, np.random.default_rng(0)
    )
    assert sorted([*train, *held_out]) == list(range(num_rows))
    # All batches have one size, at the cost of few rows.
    assert len(train) % batch_size == 0 and 1 <= batch_size <= 512
    assert 0.1 * num_rows - 1 <= len(held_out) <= 0.1 * num_rows + max(8, num_rows / 50)
    assert len(train) >= min(10, num_rows // 2)
    # Not the last rows: many tables are sorted.
    assert set(held_out) != set(range(len(train), num_rows))


def test_batch_size_as_wanted():
    train, held_out, batch_size = preparing.split(
        100, 0.25, 7, np.random.default_rng(0)
    )
    assert (len(train), len(held_out), batch_size) == (75, 25, 7)


@pytest.mark.parametrize(
    "shift, scale, dtype",
    [
        (0.0, 1.0, "float32"),
        (5.0, 0.1, "float32"),
        (1e6, 1.0, "float64"),
        (0.0, 1e35, "float64"),
        (0.0, 1e-40, "float64"),
    ],
)
def test_precision_follows_the_numbers(shift, scale, dtype):
    assert preparing.dtype_for(Data(GOOD * scale + shift, None)) == dtype
    assert preparing.dtype_for(Data(GOOD, GOOD * scale + shift)) == dtype
