"""Every public function of the package says what it takes and gives."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def is_public(name: str) -> bool:
    return not name.startswith("_") or name in ("__init__", "__call__")


def public_functions(tree: ast.Module):
    """Functions, and methods of classes, with their names in the module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and is_public(node.name):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and is_public(node.name):
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and is_public(part.name):
                    yield f"{node.name}.{part.name}", part


def unannotated(function: ast.FunctionDef) -> list[str]:
    taken = function.args
    arguments = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs]
    arguments += [part for part in (taken.vararg, taken.kwarg) if part]
    missing = [
        argument.arg
        for argument in arguments
        if argument.annotation is None and argument.arg not in ("self", "cls")
    ]
    if function.returns is None and function.name != "__init__":
        missing.append("return")
    return missing


def test_a_function_without_annotations_is_noticed():
    tree = ast.parse("class A:\n  def f(self, x, *y, z: int = 0, **k): ...")
    ((name, function),) = public_functions(tree)
    assert name == "A.f" and unannotated(function) == ["x", "y", "k", "return"]


def test_all_public_functions_are_annotated():
    faults = []
    for path in sorted((ROOT / "tfp_flows").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name, function in public_functions(ast.parse(path.read_text())):
            if missing := unannotated(function):
                faults.append(f"{module}.{name}: {', '.join(missing)}")
    assert not faults, "\n".join(faults)
