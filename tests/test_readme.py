"""The README's examples run as they stand, and what it links to is there."""

import re
from pathlib import Path

import pytest
import readme_tables

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert (tmp_path / "stages.png").stat().st_size > 0
    assert len(names["flow"].trainable_variables) == 6
    assert len(names["bijector"].trainable_variables) == 6


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_links(target):
    assert "://" in target or (ROOT / target).exists()


def test_every_bijector_has_a_row():
    from tfp_flows.testing import EXAMPLES

    rows = set(re.findall(r"^\| `(\w+)\(", README, flags=re.MULTILINE))
    assert rows == set(EXAMPLES)


def test_generated_tables_are_those_of_the_code():
    assert readme_tables.with_tables(README) == README, "Run `make readme`."


def test_a_readme_without_a_table_is_refused():
    with pytest.raises(ValueError, match="needs one table 'flows'"):
        readme_tables.with_tables("")
