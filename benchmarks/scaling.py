"""The cost against the number of dimensions, of layers, of rows."""

import dataclasses
import math
from typing import NamedTuple

from benchmarks.cases import OPERATIONS, Case
from benchmarks.client import ROOT
from benchmarks.compare import by_operation, measure, started
from benchmarks.frameworks import FRAMEWORKS, OURS
from benchmarks.measured import Effort, Measured
from benchmarks.plot import draw
from benchmarks.ratios import milliseconds, table

PICTURE = ROOT / "figures" / "benchmark_scaling.png"
EFFORT = Effort(turns=3, seconds=0.2)

# The start of each curve; one number grows at a time.
FLOWS = (
    Case("maf", "autoregressive", "affine", 16, 5, batch=512),
    Case("nsf", "autoregressive", "spline", 16, 5, batch=512),
)
PEER = "tfp_xla"
# A curve of the peer ends before a point that may take longer, in seconds.
LONGEST = 4.0
LONGEST_COMPILATION = 60.0


class Axis(NamedTuple):
    """What grows.

    Args:
        label: of the axis.
        fields: of a `Case`.
        values: that they take.
        growth: of the peer's time from one value to the next, at most.
        hidden_units: of the networks.
    """

    label: str
    fields: tuple[str, ...]
    values: tuple[int, ...]
    growth: int
    hidden_units: tuple[int, ...] = (128, 128)


_SIZES = tuple(2**i for i in range(3, 10))
AXES = (
    # A masked network needs nearly as many units as there are dimensions.
    Axis("dimensions D", ("event_size",), _SIZES, 4, hidden_units=(512, 512)),
    Axis("layers", ("num_layers",), tuple(2**i for i in range(6)), 2),
    Axis("rows", ("train_batch", "batch"), tuple(4**i for i in range(3, 9)), 4),
)

# (framework, operation) → [(value, seconds)].
Curves = dict[tuple[str, str], list[tuple[int, float]]]


def scaling(with_peer: bool) -> list[str]:
    """Measures, draws, and gives the lines of the report."""
    lines = [
        "## The cost as a flow grows",
        "",
        f"Milliseconds a call. From D = {FLOWS[0].event_size}, {FLOWS[0].num_layers} "
        f"layers and {FLOWS[0].batch} rows, where not said otherwise. Hidden layers: "
        + ", ".join(f"{list(axis.hidden_units)} against {axis.label}" for axis in AXES)
        + ".",
        "The slope is that of the upper half in the log-log plot: 1 is proportional.",
        "",
        f"![the same as curves](../{PICTURE.relative_to(ROOT).as_posix()})",
        "",
    ]
    plots = {}
    for case in FLOWS:
        for axis in AXES:
            curves = _curves(case, axis, with_peer)
            plots[case.name, axis.label] = {
                (FRAMEWORKS[name].title, operation): curve
                for (name, operation), curve in curves.items()
            }
            lines += _table(case, axis, curves)
    draw(plots, PICTURE)
    return lines


def _curves(case: Case, axis: Axis, with_peer: bool) -> Curves:
    curves: Curves = {(OURS, operation): [] for operation in OPERATIONS}
    if with_peer:
        curves |= {(PEER, operation): [] for operation in OPERATIONS[1:]}
    growing = set(curves)
    with started(dict.fromkeys(name for name, _ in curves)) as clients:
        for value in axis.values:
            print(f"==> {case.name}, {axis.label}: {value}", flush=True)
            sizes = dict.fromkeys(axis.fields, value)
            point = dataclasses.replace(case, hidden_units=axis.hidden_units, **sizes)
            groups = [
                [entry for entry in group if entry in growing]
                for group in by_operation([OURS, PEER])
            ]
            measured = measure(point, clients, EFFORT, groups)
            for name, operation in list(growing):
                result = measured.get(name, Measured())
                seconds = result.seconds(operation)
                if seconds is not None:
                    curves[name, operation].append((value, seconds))
                if name == PEER and _is_at_end(result, operation, axis):
                    growing.remove((name, operation))
    return curves


def _is_at_end(result: Measured, operation: str, axis: Axis) -> bool:
    seconds = result.seconds(operation)
    return (
        seconds is None
        or seconds * axis.growth > LONGEST
        or result.first[operation] > LONGEST_COMPILATION
    )


def _table(case: Case, axis: Axis, curves: Curves) -> list[str]:
    rows = []
    for (name, operation), curve in curves.items():
        seconds = dict(curve)
        cells = [milliseconds(seconds.get(value)) for value in axis.values]
        rows.append([f"{FRAMEWORKS[name].title} {operation}", *cells, slope(curve)])
    values = [f"{value:,}" for value in axis.values]
    return table([f"{case.name}, {axis.label}", *values, "slope"], rows)


def slope(curve: list[tuple[int, float]]) -> str:
    """From the middle of the curve to its end, in the log-log plot."""
    if len(curve) < 3:
        return "–"
    (x, y), (last_x, last_y) = curve[len(curve) // 2], curve[-1]
    return f"{math.log(last_y / y) / math.log(last_x / x):.2f}"
