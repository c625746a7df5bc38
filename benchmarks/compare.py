"""Times of several frameworks on one case, taken in turns."""

import contextlib
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.cases import OPERATIONS, Case
from benchmarks.client import Client, WorkerError
from benchmarks.measured import Effort, Measured

Group = list[tuple[str, str]]

# Threads of the last framework may spin for a moment after its work is done.
_PAUSE = 0.02
# Seconds of a first call that is measured as it is, its compilation included.
_SLOW = 15.0


@contextlib.contextmanager
def started(frameworks: Iterable[str]) -> Iterator[list[Client]]:
    """A worker for each framework, past its import; without those that fail."""
    with contextlib.ExitStack() as stack:
        # All at once, for an import waits for the disk, too.
        clients = [stack.enter_context(Client(name)) for name in frameworks]
        ready = []
        for client in clients:
            try:
                client.wait()
                ready.append(client)
            except WorkerError as error:
                print(f"Left out: {error}", file=sys.stderr)
        yield ready


def compare(
    case: Case,
    frameworks: Iterable[str],
    effort: Effort,
    groups: Iterable[Group] | None = None,
) -> dict[str, Measured]:
    """All that is measured of a case, each framework in a new process.

    Args:
        case: what each is to build.
        frameworks: their names.
        effort: how long to measure.
        groups: as of `measure`; for each operation all if not given.
    """
    with started(frameworks) as clients:
        names = [client.framework for client in clients]
        measured = measure(case, clients, effort, groups or by_operation(names))
        for client in clients:
            result = measured[client.framework]
            result.idle_memory = client.idle_memory
            if not result.num_parameters:
                continue
            with _noting(result):
                # Before the round trip, which runs without a graph.
                result.peak_memory = client.ask("memory")["memory"]
                result.round_trip = client.ask("round_trip")["error"]
    return measured


def measure(
    case: Case, clients: Sequence[Client], effort: Effort, groups: Iterable[Group]
) -> dict[str, Measured]:
    """The times of a case, from workers that are there.

    Args:
        case: what each is to build.
        clients: the workers.
        effort: how long to measure.
        groups: what is to take turns: each a list of (framework, operation).
    """
    measured = {client.framework: Measured() for client in clients}
    built = {}
    for client in clients:
        result = measured[client.framework]
        with _noting(result):
            answer = client.build(case)
            result.num_parameters = answer["num_parameters"]
            result.build_seconds = answer["seconds"]
            for operation in answer["operations"]:
                built[client.framework, operation] = client, result, operation
    for group in groups:
        _take_turns([built[entry] for entry in group if entry in built], effort)
    return measured


def by_operation(
    frameworks: Iterable[str], operations: Iterable[str] = OPERATIONS
) -> list[Group]:
    """For each operation the frameworks take turns."""
    names = list(frameworks)
    return [[(name, operation) for name in names] for operation in operations]


def _take_turns(group, effort: Effort) -> None:
    plans = []
    for client, result, operation in group:
        with _noting(result):
            result.first[operation] = client.seconds(operation)[0]
            slow = result.first[operation] > _SLOW
            again = [result.first[operation]] if slow else client.seconds(operation, 2)
            plan = effort.plan(min(again))
            result.turns[operation] = []
            plans.append((client, result, operation, *plan))
    for turn in range(effort.turns):
        for client, result, operation, turns, repeats in plans:
            if turn < turns:
                with _noting(result):
                    seconds = _one_turn(client, operation, repeats)
                    result.turns[operation].append(seconds)


def _one_turn(client: Client, operation: str, repeats: int) -> float:
    time.sleep(_PAUSE)
    if repeats > 1:  # Its data have left the processor's cache.
        client.seconds(operation)
    return statistics.median(client.seconds(operation, repeats))


@contextlib.contextmanager
def _noting(result: Measured) -> Iterator[None]:
    """Lets the others go on when one framework fails."""
    try:
        yield
    except WorkerError as error:
        result.failures.append(str(error))
