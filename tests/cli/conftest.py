from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from cli_helpers import MAF, as_csv

from tfp_flows.cli import main


class Done(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys):
    """Runs the command in this process."""

    def run(*arguments):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture
def refused(run):
    """Runs a command that is to end with one line on standard error."""

    def refused(status, message, *arguments):
        done = run(*arguments)
        assert done.status == status, done.err
        assert done.out == ""
        assert done.err.startswith("tfp-flows: ") and done.err.count("\n") == 1
        assert message in done.err
        return done.err

    return refused


@pytest.fixture(scope="session")
def rows():
    """100 rows of three columns, of other scales and not independent."""
    z = np.random.default_rng(0).normal(size=(100, 3))
    z[:, 1] += 0.5 * z[:, 0] ** 2
    return z * [0.01, 2.0, 300.0] + [5.0, -1.0, 40.0]


@pytest.fixture(scope="session")
def folder(tmp_path_factory, rows):
    """With a table and two models of it, the second of two columns given the third."""
    folder = tmp_path_factory.mktemp("models")
    table = folder / "table.csv"
    table.write_text(as_csv(rows, ["age", "dose", "weight"]))
    commands = (
        ["--out", folder / "model.keras"],
        ["--out", folder / "given.keras", "--context", "dose"],
    )
    for command in commands:
        arguments = ["fit", table, *command, *MAF, "--quiet"]
        assert main(list(map(str, arguments))) == 0
    return folder


@pytest.fixture
def table(folder):
    return folder / "table.csv"


@pytest.fixture
def model(folder):
    return folder / "model.keras"


@pytest.fixture
def given(folder):
    return folder / "given.keras"
