"""The committed notebooks are built from the sources beside them."""

from pathlib import Path

import jupytext
import pytest

TUTORIALS = Path(__file__).resolve().parents[1] / "tutorials"
SOURCES = sorted(TUTORIALS.glob("[0-9]*.py"))


def test_there_are_tutorials():
    assert len(SOURCES) >= 3


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook(source):
    notebook = jupytext.read(source.with_suffix(".ipynb"))
    expected = jupytext.read(source)
    assert [c.source for c in notebook.cells] == [c.source for c in expected.cells]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert any(cell.outputs for cell in code)
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error"
