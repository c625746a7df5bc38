"""The cases beside the other libraries."""

from collections.abc import Iterable, Sequence

from benchmarks.cases import GOALS, OPERATIONS, Case
from benchmarks.compare import compare
from benchmarks.frameworks import FLOOR, FRAMEWORKS, OURS, PEERS
from benchmarks.measured import Effort, Measured
from benchmarks.ratios import milliseconds, ratio, table

Results = dict[str, dict[str, Measured]]

_NOTES = [
    "The first call of an operation compiles it. Memory is that of the process: idle",
    "after its imports, peak in all. The round-trip error is the largest change of a",
    "standard normal point sent to the base and back. Parameters differ where a",
    "library's own parametrisation does: a spline of K bins has 3K − 1 numbers, but",
    "3K + 1 in flowjax, which learns the slopes of its ends, too.",
    "",
]


def speed(
    cases: Iterable[Case], frameworks: Sequence[str], effort: Effort
) -> list[str]:
    """Measures, and gives the lines of the report."""
    results: Results = {}
    for case in cases:
        print(f"==> {case.name}: {', '.join(frameworks)}", flush=True)
        results[case.name] = compare(case, frameworks, effort)
        print("\n".join(times(results[case.name])), flush=True)
    lines = ["## This package over the fastest peer", "", *against_goals(results)]
    for name, measured in results.items():
        lines += [f"## {name}", "", *times(measured), *starts(measured)]
    return [*lines, *_NOTES, *_floor(results), *_failures(results)]


def against_goals(results: Results) -> list[str]:
    """A row for each case and operation that has a goal."""
    rows = []
    for name, measured in results.items():
        for operation in OPERATIONS:
            peer = _fastest_peer(measured, operation)
            if peer is None or OURS not in measured:
                continue
            ours, theirs = measured[OURS], measured[peer]
            if not ours.turns.get(operation):
                continue
            found = ratio(ours.turns[operation], theirs.turns[operation])
            goal = GOALS[name].get(operation)
            if goal is None:
                continue
            rows.append(
                [
                    f"{name} {operation}",
                    milliseconds(ours.seconds(operation)),
                    milliseconds(theirs.seconds(operation)),
                    FRAMEWORKS[peer].title,
                    str(found),
                    f"≤ {goal}",
                    "yes" if found.median <= goal else "no",
                ]
            )
    header = ["", "ms", "peer's ms", "fastest peer", "ratio", "goal", "reached"]
    return table(header, rows)


def _fastest_peer(measured: dict[str, Measured], operation: str) -> str | None:
    found = {
        name: result.seconds(operation)
        for name, result in measured.items()
        if name in PEERS and result.turns.get(operation)
    }
    return min(found, key=found.get) if found else None


def times(measured: dict[str, Measured]) -> list[str]:
    """A case: milliseconds and ratios, a column for each framework."""
    columns = [name for name in measured if name != FLOOR]
    rows = []
    for operation in OPERATIONS:
        row = [milliseconds(measured[name].seconds(operation)) for name in columns]
        rows.append([f"{operation}, ms", *row])
        rows.append(
            [
                "tfp_flows over it",
                *(_over(measured, name, operation) for name in columns),
            ]
        )
    return table(["", *(FRAMEWORKS[name].title for name in columns)], rows)


def _over(measured: dict[str, Measured], name: str, operation: str) -> str:
    ours = measured.get(OURS, Measured()).turns.get(operation)
    theirs = measured.get(name, Measured()).turns.get(operation)
    return str(ratio(ours, theirs)) if name != OURS and ours and theirs else "–"


def starts(measured: dict[str, Measured]) -> list[str]:
    """A case: parameters, compilation, memory."""
    columns = {
        name: result
        for name, result in measured.items()
        if name != FLOOR and result.num_parameters
    }

    def row(title: str, write: str, value) -> list[str]:
        values = map(value, columns.values())
        return [title, *("–" if v is None else format(v, write) for v in values)]

    def first(operation: str) -> list[str]:
        title = f"first {operation}, s"
        return row(title, ".2f", lambda result: result.first.get(operation))

    return table(
        ["", *(FRAMEWORKS[name].title for name in columns)],
        [
            row("parameters", ",", lambda result: result.num_parameters),
            row("making the flow, s", ".2f", lambda result: result.build_seconds),
            *map(first, OPERATIONS),
            row("memory, idle, MB", ".0f", lambda result: result.idle_memory / 1e6),
            row("memory, peak, MB", ".0f", lambda result: result.peak_memory / 1e6),
            row("round-trip error", ".0e", lambda result: result.round_trip),
        ],
    )


def _floor(results: Results) -> list[str]:
    rows = [
        [
            f"{name} {operation}",
            milliseconds(measured[FLOOR].seconds(operation)),
            _over(measured, FLOOR, operation),
        ]
        for name, measured in results.items()
        if FLOOR in measured
        for operation in ("train", "log_prob")
    ]
    return [
        "## The floor: the matrix products alone",
        "",
        "Of the conditioners, dense, batch first, under XLA; for `train` forward and",
        "backward. A masked network can go below it, for half of its products are with",
        "zeros.",
        "",
        *table(["", "floor, ms", "tfp_flows over it"], rows),
    ]


def _failures(results: Results) -> list[str]:
    return [
        f"- {name}: {failure}"
        for name, measured in results.items()
        for result in measured.values()
        for failure in dict.fromkeys(result.failures)
    ]
