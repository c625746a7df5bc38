"""Builds a notebook from each source given: runs it, keeps what it prints and draws."""

import sys
from pathlib import Path

import jupytext
from nbclient import NotebookClient


def build(source: Path) -> None:
    """Writes the notebook beside ``source``."""
    notebook = jupytext.read(source)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = kernel
    NotebookClient(notebook, resources={"metadata": {"path": source.parent}}).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not _is_noise(o)]
    jupytext.write(notebook, source.with_suffix(".ipynb"))


def _is_noise(output) -> bool:
    # TensorFlow tells stderr what it finds on the machine. A figure that a cell ends
    # with is shown twice: by pyplot, and as the value of the cell.
    is_figure = "image/png" in output.get("data", {})
    return output.get("name") == "stderr" or (
        is_figure and output.output_type == "execute_result"
    )


for name in sys.argv[1:]:
    build(Path(name))
