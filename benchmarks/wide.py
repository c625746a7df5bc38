"""Flows of a thousand and of ten thousand dimensions beside the other libraries'."""

from collections.abc import Sequence

from benchmarks.cases import OPERATIONS, WIDE
from benchmarks.compare import by_operation, compare
from benchmarks.frameworks import OURS
from benchmarks.measured import Effort
from benchmarks.speed import starts, times

PEERS = ("tfp_xla", "zuko", "flowjax")
EFFORT = Effort(turns=5, seconds=1.0)
# A peer samples an autoregressive flow by as many evaluations as it has dimensions.
LONGEST_SAMPLE = 1000


def wide(frameworks: Sequence[str]) -> list[str]:
    """Measures, and gives the lines of the report."""
    lines = [
        "## A thousand dimensions, and ten thousand",
        "",
        "64 rows. real_nvp: four layers, hidden layers [512, 512]; maf: two layers of",
        "[1024] for D = 1,000, one of [10000] for D = 10,000, where peers' samples,",
        "ten thousand evaluations, are left out. In turns with one peer at a time, for",
        "the memory.",
        "",
    ]
    for case in WIDE:
        results = {}
        for peer in PEERS:
            if peer not in frameworks:
                continue
            print(f"==> {case.name}: {peer}", flush=True)
            groups = by_operation([OURS, peer])
            if case.structure != "coupling" and case.event_size > LONGEST_SAMPLE:
                groups = [
                    *by_operation([OURS, peer], OPERATIONS[:-1]),
                    [(OURS, "sample")],
                ]
            found = compare(case, [OURS, peer], EFFORT, groups)
            print("\n".join(times(found)), flush=True)
            for result in found.values():
                lines += [f"- {failure}" for failure in dict.fromkeys(result.failures)]
            results[peer] = found
        lines += [f"### {case.name}", ""]
        for found in results.values():
            lines += [*times(found), *starts(found)]
    return lines
