"""Prints the times of the twelve rows over those of another version of the package.

git worktree add ../before COMMIT
python -m benchmarks.versions --before ../before

A process for each version; in each turn both measure some calls, one after the other.
"""

import argparse
import contextlib
import statistics
from pathlib import Path

from benchmarks.cases import CASES, OPERATIONS
from benchmarks.client import ROOT, Client
from benchmarks.frameworks import OURS
from benchmarks.ratios import milliseconds, ratio

TURNS, SECONDS = 9, 0.4


def ratio_of(operation: str, clients: list[Client]) -> tuple[str, str]:
    """The median time now, in ms, and the ratios: their median and quartiles."""
    first = [client.seconds(operation, 3)[-1] for client in clients]
    repeats = max(5, int(SECONDS / max(first)))
    times = [
        [statistics.median(client.seconds(operation, repeats)) for client in clients]
        for _ in range(TURNS)
    ]
    before, now = zip(*times, strict=True)
    return milliseconds(statistics.median(now)), str(ratio(now, before))


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versions")
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    print("|  | ms now | now / before |\n| --- | ---: | --- |", flush=True)
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(Client(OURS, root))
            for root in (options.before.resolve(), ROOT)
        ]
        for client in clients:
            client.wait()
        for name in options.case:
            for client in clients:
                client.build(CASES[name])
            for operation in OPERATIONS:
                cells = ratio_of(operation, clients)
                print(f"| {name} {operation} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
