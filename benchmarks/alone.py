"""What is measured of this package alone: its sampling, and what `fit` adds."""

from benchmarks.cases import (
    CASES,
    FIT_CASES,
    FIT_GOAL,
    FIT_STEPS,
    LAYER_GOAL,
    LAYERS,
)
from benchmarks.compare import measure, started
from benchmarks.frameworks import OURS
from benchmarks.measured import Effort, Measured
from benchmarks.ratios import milliseconds, ratio, spread, table


def alone(effort: Effort) -> list[str]:
    """Measures, and gives the lines of the report."""
    with started([OURS]) as clients:
        return [*_sampling(clients, effort), *_fit(clients, effort)]


def _sampling(clients, effort: Effort) -> list[str]:
    rows = []
    operations = ["network", "inverse", "forward", "log_prob", "sample"]
    for case in LAYERS:
        print(f"==> One autoregressive layer, {case.name}", flush=True)
        group = [(OURS, operation) for operation in operations]
        result = measure(case, clients, effort, [group])[OURS]
        if failed := result.failures:
            rows.append([case.name, *["–"] * 6, failed[0]])
            continue
        over_network = ratio(result.turns["forward"], result.turns["network"])
        rows.append(
            [
                case.name,
                *(milliseconds(result.seconds(name)) for name in operations[:3]),
                str(over_network),
                str(ratio(result.turns["forward"], result.turns["inverse"])),
                str(ratio(result.turns["sample"], result.turns["log_prob"])),
                "yes" if over_network.median <= LAYER_GOAL else "no",
            ]
        )
    header = [
        "one layer",
        "network, ms",
        "inverse, ms",
        "forward, ms",
        "forward / network",
        "forward / inverse",
        "sample / log_prob",
        f"≤ {LAYER_GOAL:g} × network",
    ]
    return [
        "## Autoregressive sampling over one evaluation of the network",
        "",
        f"Affine layers on {LAYERS[0].batch:,} rows; `forward` makes the samples.",
        "",
        *table(header, rows),
    ]


def _fit(clients, effort: Effort) -> list[str]:
    rows = []
    group = [(OURS, name) for name in ("fit_short", "fit_long", "steps")]
    for name in FIT_CASES:
        print(f"==> FlowModel.fit, {name}", flush=True)
        result = measure(CASES[name], clients, effort, [group])[OURS]
        rows.append([name, *_fit_row(result)])
    short, long = FIT_STEPS
    return [
        "## What `FlowModel.fit` adds to a step",
        "",
        f"An epoch of {long} steps on data in memory less one of {short}, less as many",
        "calls of the same jitted training step in a loop, on one batch.",
        "",
        *table(["", "step, ms", "in fit, ms", "fit adds, ms", "goal", "reached"], rows),
    ]


def _fit_row(result: Measured) -> list[str]:
    if result.failures:
        return ["–"] * 4 + [result.failures[0]]
    short, long = FIT_STEPS
    series = (result.turns[name] for name in ("fit_short", "fit_long", "steps"))
    turns = [
        [(b - a) / (long - short), c / (long - short)]
        for a, b, c in zip(*series, strict=False)
    ]
    added = spread([1000 * (in_fit - step) for in_fit, step in turns])
    return [
        milliseconds(spread([step for _, step in turns]).median),
        milliseconds(spread([in_fit for in_fit, _ in turns]).median),
        str(added),
        f"≤ {FIT_GOAL}",
        "yes" if added.median <= FIT_GOAL else "no",
    ]
