"""What the command does before its work, and what it says meanwhile."""

import importlib.util
import logging
import os
import re
import subprocess
import sys

import matplotlib
import pytest
from cli_helpers import MAF

import tfp_flows
from tfp_flows.cli import tensorflow_start
from tfp_flows.cli.flow_list import flows_of_vectors
from tfp_flows.testing import FLOW_EXAMPLES

# As if what takes long to load were not installed.
WITHOUT = """
import sys
for name in ("keras", "tensorflow", "tensorflow_probability", "pandas", "numpy"):
    sys.modules[name] = None
sys.argv = {arguments!r}
from tfp_flows_command import main
sys.exit(main())
"""


def run_python(*arguments, **environment):
    environment = os.environ | environment
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "line, status, message",
    [
        ("--help", 0, "COMMAND"),
        ("fit --help", 0, "rational-quadratic"),
        ("--version", 0, tfp_flows.__version__),
        ("paint", 2, "paint"),
        ("fit --out m.keras", 2, "DATA"),
        ("fit nowhere.csv --out m.keras", 1, "nowhere.csv: No such file"),
        ("score /dev/null --model nowhere.keras", 1, "nowhere.keras: No such file"),
        ("sample --model /dev/null --out x/y.csv", 1, "x/y.csv: No such file"),
        ("sample --model /dev/null --out y.xls", 2, "no format .xls"),
        ("info nowhere.keras", 1, "nowhere.keras: No such file"),
        ("demo --out /dev/null", 1, "Not a directory"),
    ],
)
def test_arguments_are_read_without_tensorflow(line, status, message):
    arguments = ["/usr/bin/tfp-flows", *line.split()]
    done = run_python("-c", WITHOUT.format(arguments=arguments))
    assert done.returncode == status, done.stderr
    assert message in (done.stderr if status else done.stdout)
    assert "Traceback" not in done.stderr and done.stderr.count("\n") <= 1


def test_as_a_module():
    done = run_python("-X", "importtime", "-m", "tfp_flows", "--version")
    assert done.stdout == f"tfp_flows {tfp_flows.__version__}\n"
    assert "argparse" in done.stderr and "numpy" not in done.stderr


def test_the_package_is_whole_in_the_command_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "tfp_flows_command", sys)
    spec = importlib.util.spec_from_file_location("tfp_flows", tfp_flows.__file__)
    package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    assert "FlowModel" not in vars(package)
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        assert getattr(package, name) is getattr(tfp_flows, name)


def test_a_program_of_that_name_loads_all_at_once(tmp_path):
    """So that Keras finds the classes of a file."""
    program = tmp_path / "tfp-flows.py"
    program.write_text("import tfp_flows; print('FlowModel' in vars(tfp_flows))")
    assert run_python(program).stdout == "True\n"


def test_the_flows_are_those_of_vectors():
    """Found without running their modules, they are the same."""
    found = flows_of_vectors()
    for name, text in found.items():
        assert getattr(tfp_flows.flows, name).__doc__.startswith(text)
    assert {"nsf", "maf", "linear"} < set(found) <= set(tfp_flows.flows.__all__)
    assert len(FLOW_EXAMPLES) > len(found) > 20


# The log of TensorFlow


def start(monkeypatch, error=None):
    def load(name):
        os.write(2, b"of TensorFlow\n")
        if error:
            raise error

    monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.setattr(importlib, "import_module", load)
    tensorflow_start.start_tensorflow()


@pytest.fixture
def environment(monkeypatch):
    """That of a user who has set nothing, and gets it back."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    levels = {name: logging.getLogger(name).level for name in ("tensorflow", "absl")}
    yield monkeypatch
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_tensorflow_is_quiet(environment, capfd):
    start(environment)
    assert capfd.readouterr().err == ""
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert not logging.getLogger("tensorflow").isEnabledFor(logging.WARNING)
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "afterwards"


def test_the_users_own_level_is_kept(environment, capfd):
    environment.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    start(environment)
    assert capfd.readouterr().err == "of TensorFlow\n"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"


def test_what_explains_a_failure_is_passed_on(environment, capfd):
    with pytest.raises(ImportError, match="broken"):
        start(environment, ImportError("broken"))
    assert capfd.readouterr().err == "of TensorFlow\n"


def test_processes_of_their_own(folder, table, tmp_path):
    """Nothing foreign on standard error; the same with compiled programs from before,
    of which those that are damaged are compiled again.
    """
    environment = {
        "XDG_CACHE_HOME": str(tmp_path / "with a space"),
        "MPLCONFIGDIR": matplotlib.get_configdir(),
    }
    command = ["-m", "tfp_flows"]
    fit = [*command, "fit", table, *MAF, "--out", tmp_path / "m.keras"]
    first = run_python(*fit, **environment)
    ours = r"tfp-flows: compiling.*\n(Epoch \d/2\n\d+/\d+ - .* - val_loss: .*\n){2}"
    assert re.fullmatch(ours, first.stderr), first.stderr

    store = tmp_path / "with a space" / "tfp_flows" / "xla"
    entries = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert len(entries) == 2 and all(path.suffix == ".pb" for path in entries)
    damaged = min(entries, key=lambda path: path.stat().st_size)
    damaged.write_bytes(entries[damaged][:1000])
    other = max(entries, key=lambda path: path.stat().st_size)
    written = other.stat().st_mtime_ns

    second = run_python(*fit, **environment)
    assert re.fullmatch(ours, second.stderr), second.stderr
    assert second.stdout == first.stdout
    # Of the same name for XLA, if not to the last byte.
    (again,) = {path for path in store.rglob("*") if path.is_file()} - {other}
    assert again.name.partition("-")[2] == damaged.name.partition("-")[2]
    assert again != damaged or again.read_bytes() == entries[damaged]
    assert other.stat().st_mtime_ns == written

    score = [*command, "score", table, "--model", tmp_path / "m.keras"]
    done = run_python(*score, **environment)
    assert re.fullmatch(r"tfp-flows: compiling.*\ntfp-flows: 100 rows.*\n", done.stderr)
    assert len(done.stdout.split()) == 100
