"""Flows whose one direction is a search for roots, beside zuko's."""

from collections.abc import Sequence

from benchmarks.cases import MONOTONE
from benchmarks.compare import compare
from benchmarks.frameworks import OURS
from benchmarks.measured import Effort
from benchmarks.speed import against_goals, starts, times

PEER = "zuko"
# What lasts a minute is measured three times.
EFFORT = Effort(turns=9, seconds=0.3)


def monotone(frameworks: Sequence[str]) -> list[str]:
    """Measures, and gives the lines of the report."""
    names = [name for name in (OURS, PEER) if name in frameworks]
    results = {}
    for case in MONOTONE.values():
        print(f"==> {case.name}: {', '.join(names)}", flush=True)
        results[case.name] = compare(case, names, EFFORT)
        print("\n".join(times(results[case.name])), flush=True)
    lines = [
        "## Flows whose one direction is a search for roots",
        "",
        "D = 16, five layers, hidden layers [64, 64], each library's own sizes of the",
        "transformers; 512 rows for `train`, otherwise 4,096, but 64 for umnn, which",
        "zuko samples slowly.",
        "",
        *against_goals(results),
    ]
    for name, measured in results.items():
        lines += [f"### {name}", "", *times(measured), *starts(measured)]
        for result in measured.values():
            lines += [f"- {failure}" for failure in dict.fromkeys(result.failures)]
    return lines
