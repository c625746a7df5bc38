"""The tables of the README that come from the code: ``make readme`` writes them."""

import inspect
import re
import typing
from pathlib import Path

from tfp_flows import flows
from tfp_flows.flows.options import LayeredOptions

README = Path(__file__).resolve().parents[1] / "README.md"


def flow_rows() -> list[str]:
    """A row for each ready-made flow, those of images last."""
    names = sorted(flows.__all__, key=lambda name: "image_shape" in _parameters(name))
    return [
        "| flow | layers | arguments of its own |",
        "|---|---|---|",
        *(f"| {_call(name)} | {_summary(name)} | {_own(name)} |" for name in names),
    ]


TABLES = {"flows": flow_rows}


def with_tables(text: str) -> str:
    """The README with each table as the code has it now."""
    for name, rows in TABLES.items():
        start, end = f"<!-- table: {name} -->\n", "<!-- end -->"
        pattern = f"{start}.*?{end}"
        blocks = re.findall(pattern, text, flags=re.DOTALL)
        if len(blocks) != 1:
            raise ValueError(f"README.md needs one table {name!r}, but has {blocks}.")
        text = text.replace(blocks[0], start + "\n".join([*rows(), end]))
    return text


def _parameters(name: str):
    return inspect.signature(getattr(flows, name)).parameters


def _call(name: str) -> str:
    required = [p.name for p in _parameters(name).values() if p.default is p.empty]
    return f"`flows.{name}({', '.join(required)})`"


def _summary(name: str) -> str:
    return inspect.getdoc(getattr(flows, name)).splitlines()[0].rstrip(".")


def _own(name: str) -> str:
    """The keywords that are not shared by all."""
    shared = typing.get_type_hints(LayeredOptions)
    return ", ".join(
        f"`{p.name}`"
        for p in _parameters(name).values()
        if p.default is not p.empty and p.name not in shared
    )


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
