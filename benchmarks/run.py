"""Runs the benchmarks, prints what they find, and writes it down.

python -m benchmarks.run --out benchmarks/RESULTS.md
python -m benchmarks.run --quick
python -m benchmarks.run --section speed --case maf-43 --framework tfp_xla zuko
"""

import argparse
import sys
from pathlib import Path

from benchmarks.alone import alone
from benchmarks.cases import CASES
from benchmarks.frameworks import (
    FLOOR,
    FRAMEWORKS,
    OF_IMAGES,
    OURS,
    PEERS,
    is_installed,
)
from benchmarks.images import images
from benchmarks.machine import machine
from benchmarks.measured import Effort
from benchmarks.monotone import monotone
from benchmarks.scaling import PEER, scaling
from benchmarks.speed import speed
from benchmarks.wide import wide

FULL = Effort(turns=15, seconds=0.15)
# For what lasts a second or so.
LONG = Effort(turns=9, seconds=1.0)
QUICK = Effort(turns=5, seconds=0.05)
QUICK_CASES = ("realnvp-2d", "maf-43")
SECTIONS = ("speed", "monotone", "images", "alone", "wide", "scaling")


def main(arguments: list[str] | None = None) -> None:
    """What the command line asks for."""
    options = _parser().parse_args(arguments)
    if options.quick:
        options.section, options.case = ["speed"], QUICK_CASES
    frameworks = _installed(options.framework)
    lines = _introduction(frameworks)
    if "speed" in options.section:
        effort = QUICK if options.quick else FULL
        of_vectors = [name for name in frameworks if name not in OF_IMAGES]
        lines += speed([CASES[name] for name in options.case], of_vectors, effort)
    if "monotone" in options.section:
        lines += monotone(frameworks)
    if "images" in options.section:
        lines += images(frameworks)
    if "alone" in options.section:
        lines += alone(LONG)
    if "wide" in options.section:
        lines += wide(frameworks)
    if "scaling" in options.section:
        lines += scaling(with_peer=PEER in frameworks)
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    parser.add_argument(
        "--quick", action="store_true", help="two cases beside the peers, few turns"
    )
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--framework", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--out", type=Path, help="a file for the report")
    return parser


def _installed(peers) -> list[str]:
    for name in peers:
        if not is_installed(name):
            needed = ", ".join(FRAMEWORKS[name].packages)
            print(f"{name} is left out: it needs {needed}.", flush=True)
    return [OURS, *filter(is_installed, peers), FLOOR]


def _introduction(frameworks) -> list[str]:
    command = " ".join(["python -m benchmarks.run", *sys.argv[1:]])
    return [
        "# Benchmarks",
        "",
        f"Written by `{command}`. Times are medians of turns: in each turn every",
        "framework, in a process of its own, measures a few calls while the others",
        "sleep. A ratio is the median over the turns of one time over the other in the",
        "same turn; in parentheses the quartiles.",
        "",
        *machine(frameworks),
        "",
    ]


if __name__ == "__main__":
    main()
