"""The examples of the pages in docs/ run as they stand, and their links lead on."""

import re
from pathlib import Path

import keras
import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(DOCS.glob("**/*.md"))


def test_there_are_pages():
    assert PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF_XLA_FLAGS", "")  # Taken back, whatever the page says.
    text = page.read_text(encoding="utf-8")
    names = {"__name__": page.stem}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, page.name, "exec"), names)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in target or (page.parent / target).exists(), target


def test_the_network_that_opts_in_shares(tmp_path, monkeypatch):
    """What the page on the first step says of it."""
    from tfp_flows.variables import NoStructureError, structure_of

    text = (DOCS / "first_step.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n([^`]*class Cosines.*?)```", text, re.DOTALL)
    names = {"__name__": "first_step"}
    exec(compile(block, "first_step.md", "exec"), names)
    one, two = (names["Cosines"](output_size=2, name=name) for name in "ab")
    one.build((None, 1))
    assert one(keras.ops.ones([3, 1])).shape == (3, 2)
    assert structure_of(one) == structure_of(two)
    assert structure_of(one) != structure_of(names["Cosines"](4, output_size=2))

    class Derived(names["Cosines"]):
        pass

    with pytest.raises(NoStructureError):
        structure_of(Derived(output_size=2))
