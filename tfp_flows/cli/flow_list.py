"""The ready-made flows of vectors, of which the command offers a choice.

They are read from the text of `tfp_flows.flows`: to import it would take seconds.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "flows"


def flows_of_vectors() -> dict[str, str]:
    """The flows that need an event size and no more, each with what it is."""
    return {
        function.name: _first_line(function)
        for function in sorted(_public_functions(), key=lambda function: function.name)
        if _required_arguments(function) == ["event_size"]
    }


def _public_functions() -> Iterator[ast.FunctionDef]:
    """The functions that ``flows/__init__.py`` imports."""
    for line in _parsed("__init__").body:
        if isinstance(line, ast.ImportFrom) and line.module:
            names = {alias.name for alias in line.names}
            for part in _parsed(line.module.rpartition(".")[2]).body:
                if isinstance(part, ast.FunctionDef) and part.name in names:
                    yield part


def _parsed(module: str) -> ast.Module:
    return ast.parse((_FOLDER / f"{module}.py").read_text(encoding="utf-8"))


def _first_line(function: ast.FunctionDef) -> str:
    return (ast.get_docstring(function) or "").partition("\n")[0].rstrip(".")


def _required_arguments(function: ast.FunctionDef) -> list[str]:
    """Give the arguments without a default."""
    taken = function.args
    positional = [*taken.posonlyargs, *taken.args]
    required = positional[: len(positional) - len(taken.defaults)]
    pairs = zip(taken.kwonlyargs, taken.kw_defaults, strict=True)
    required += [argument for argument, default in pairs if default is None]
    return [argument.arg for argument in required]
