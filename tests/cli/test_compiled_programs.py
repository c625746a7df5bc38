"""The cache of compiled programs: what is kept, and what is not trusted."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from tfp_flows.cli import compiled_programs
from tfp_flows.cli.arguments import Parser
from tfp_flows.cli.compiled_programs import cache_folder, program_cache
from tfp_flows.cli.fit import add_to
from tfp_flows.cli.messages import Failure

FLAG = "--tf_xla_persistent_cache_directory="


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """As before TensorFlow is loaded."""
    monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "of user"))
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    monkeypatch.delenv("TF_XLA_FLAGS")
    return monkeypatch


def run(*written):
    """One run, which finds entries and writes others."""
    os.environ.pop("TF_XLA_FLAGS", None)
    with program_cache(True):
        folder = Path(os.environ["TF_XLA_FLAGS"].removeprefix(FLAG).strip("'"))
        found = {path.name: path.read_text() for path in folder.iterdir()}
        for name in written:
            (folder / name).write_text(f"program {name}")
    assert not folder.exists()
    return found


def entries():
    return sorted(path for path in cache_folder().rglob("*") if path.is_file())


def test_what_one_run_compiles_the_next_one_finds():
    assert run("a.pb", "b.pb", "unfinished.pb.tmp") == {}
    both = {"a.pb": "program a.pb", "b.pb": "program b.pb"}
    assert run("c.pb") == both
    assert run() == both | {"c.pb": "program c.pb"}
    assert len(entries()) == 3


def test_two_runs_at_once():
    run("a.pb")
    first = entries()[0]
    content = b"compiled a second time"
    again = first.with_name(f"{compiled_programs.zlib.crc32(content):08x}-a.pb")
    again.write_bytes(content)
    assert run("b.pb").keys() == {"a.pb"}
    assert len(entries()) == 2


@pytest.mark.parametrize("content", ["", "program", "program b.pb", "program a.pb\0"])
def test_damaged_entries_are_removed(content):
    run("a.pb")
    entries()[0].write_text(content)
    assert run("b.pb") == {}
    assert run() == {"b.pb": "program b.pb"}


def test_a_run_that_was_killed(environment):
    run("a.pb")
    killed = entries()[0].parent / "run-killed"
    killed.mkdir()
    (killed / "b.pb").write_text("prog")
    assert run() == {"a.pb": "program a.pb"}
    assert killed.exists()  # It may go on, for all that is known.
    os.utime(killed, (0, 0))
    assert run() == {"a.pb": "program a.pb"}
    assert not killed.exists()


def test_it_stays_small(environment):
    """The oldest programs go first, those of other machines among them."""
    for hour, name in enumerate("abcd"):
        run(f"{name}.pb")
        (new,) = [path for path in entries() if path.name.endswith(f"-{name}.pb")]
        os.utime(new, (3600 * hour, 3600 * hour))
    entries()[0].parent.rename(entries()[0].parent.with_name("of another machine"))
    run("e.pb")
    environment.setattr(compiled_programs, "_MOST_BYTES", 3 * len("program a.pb"))
    run()
    names = sorted(path.name.rpartition("-")[2] for path in entries())
    assert names == ["c.pb", "d.pb", "e.pb"]


def test_other_programs_have_another_store(environment):
    run("a.pb")
    environment.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert run() == {}


def test_another_tensorflow_has_another_store(environment):
    run("a.pb")
    spec = importlib.util.find_spec("keras")
    environment.setattr(importlib.util, "find_spec", lambda name: spec)
    assert run() == {}


@pytest.mark.parametrize(
    "users, joined",
    [
        ("--tf_xla_auto_jit=1", True),
        (FLAG + "/mine", False),
        ("/a/file/with/flags", False),
    ],
)
def test_the_users_flags_stay(environment, users, joined):
    environment.setenv("TF_XLA_FLAGS", users)
    with program_cache(True):
        flags = os.environ["TF_XLA_FLAGS"]
        assert flags.startswith(f"{users} {FLAG}") if joined else flags == users


def no_folder(monkeypatch, tmp_path):
    (tmp_path / "of user").write_text("mine")


def bad_name(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user's"))


def of_another_user(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)


def full_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(compiled_programs, "_FEWEST_FREE_BYTES", 2**80)


def no_links(monkeypatch, tmp_path):
    run("a.pb")
    monkeypatch.setattr(os, "link", lambda *_: (tmp_path / "nowhere").stat())


@pytest.mark.parametrize(
    "break_it", [no_folder, bad_name, of_another_user, full_disk, no_links]
)
def test_without_a_good_place_there_is_no_cache(environment, tmp_path, break_it):
    break_it(environment, tmp_path)
    environment.delenv("TF_XLA_FLAGS", raising=False)
    with program_cache(True):
        assert "TF_XLA_FLAGS" not in os.environ


def test_it_can_be_off():
    parser = Parser(description="")
    parser.set_defaults(cache=False)
    add_to(parser.add_subparsers())
    fit = ["fit", "x.csv", "--out", "m.keras"]
    assert parser.parse_args(fit).cache
    with program_cache(parser.parse_args([*fit, "--no-cache"]).cache):
        assert "TF_XLA_FLAGS" not in os.environ
    assert not cache_folder().exists()


def test_a_disk_that_is_full_meanwhile():
    with pytest.raises(Failure, match=r"--no-cache.*No space"), program_cache(True):
        folder = os.environ["TF_XLA_FLAGS"].removeprefix(FLAG).strip("'")
        raise RuntimeError(f"{folder}/a.pb.tmp; No space left on device")


def test_errors_of_the_work_pass():
    with pytest.raises(OSError, match="of the work"), program_cache(True):
        raise OSError("of the work")
