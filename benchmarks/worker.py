"""A process that runs one framework and does what it reads on its standard input.

python -m benchmarks.worker FRAMEWORK

Each line in is a JSON object with ``method`` (one of `Worker`'s) and ``arguments``;
each line out its answer. Between two lines the process sleeps.
"""

import gc
import json
import os
import resource
import sys
import time
import traceback

from benchmarks.cases import Case
from benchmarks.frameworks import load


class Worker:
    """The methods that can be asked for."""

    def __init__(self, framework: str):
        self._make = load(framework)
        self._subject = None

    def build(self, **sizes) -> dict:
        """Makes the flow of a case, in place of the last one."""
        self._subject = None
        gc.collect()
        for key, value in sizes.items():
            if isinstance(value, list):  # JSON knows no tuples.
                sizes[key] = tuple(value)
        case = Case(**sizes)
        start = time.perf_counter()
        self._subject = self._make(case)
        return {
            "seconds": time.perf_counter() - start,
            "num_parameters": self._subject.num_parameters,
            "operations": list(self._subject.operations),
        }

    def run(self, operation: str, repeats: int) -> dict:
        """Seconds of each of so many calls."""
        call = self._subject.operations[operation]
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds}

    def round_trip(self) -> dict:
        """The largest change of a point sent to the base and back."""
        check = self._subject.round_trip
        return {"error": None if check is None else check()}

    def memory(self) -> dict:
        """The largest memory of the process so far."""
        return {"memory": peak_memory()}


def peak_memory() -> int:
    """In bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def serve(framework: str, lines, answers) -> None:
    """Answers each line; what goes wrong is an answer, too."""
    worker = None
    for line in lines:
        request = json.loads(line)
        try:
            worker = worker or Worker(framework)
            answer = getattr(worker, request["method"])(**request["arguments"])
        except Exception as error:  # Of any framework's making.
            traceback.print_exc()
            answer = {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serves the framework named on the command line."""
    # Frameworks print, too: the answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.argv[1], sys.stdin, answers)


if __name__ == "__main__":
    main()
