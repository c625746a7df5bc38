"""Glow beside other libraries' Glow."""

from collections.abc import Sequence

from benchmarks.cases import GLOW
from benchmarks.compare import compare
from benchmarks.frameworks import OURS
from benchmarks.measured import Effort
from benchmarks.speed import against_goals, starts, times

PEERS = ("tfp_xla", "tfp", "normflows")
EFFORT = Effort(turns=15, seconds=0.3)


def images(frameworks: Sequence[str]) -> list[str]:
    """Measures, and gives the lines of the report."""
    names = [name for name in (OURS, *PEERS) if name in frameworks]
    print(f"==> {GLOW.name}: {', '.join(names)}", flush=True)
    measured = compare(GLOW, names, EFFORT)
    print("\n".join(times(measured)), flush=True)
    lines = [
        "## Glow",
        "",
        "Images of 8 × 8 × 1, two levels of four steps each, networks of width 64;",
        "64 images at once.",
        "",
        *against_goals({GLOW.name: measured}),
        *times(measured),
        *starts(measured),
    ]
    for result in measured.values():
        lines += [f"- {failure}" for failure in dict.fromkeys(result.failures)]
    return lines
