"""The other end of `benchmarks.worker`."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.cases import Case

ROOT = Path(__file__).resolve().parents[1]


class WorkerError(RuntimeError):
    """What went wrong in a worker."""


class Client:
    """Starts a worker and asks it.

    Args:
        framework: a key of ``benchmarks.frameworks.FRAMEWORKS``.
        root: the folder of the package and its benchmarks.
    """

    def __init__(self, framework: str, root: Path = ROOT):
        self.framework = framework
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (for `__exit__`)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", framework],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=root,
            env={"TF_CPP_MIN_LOG_LEVEL": "2"} | os.environ | {"PYTHONPATH": str(root)},
            text=True,
        )
        self.idle_memory = 0
        self.tell("memory")

    def wait(self) -> None:
        """Until the framework is imported.

        Raises:
            WorkerError: it cannot be.
        """
        self.idle_memory = self.answer()["memory"]

    def tell(self, method: str, **arguments) -> None:
        """Sends a request; `answer` waits for its answer."""
        request = {"method": method, "arguments": arguments}
        # If the process has ended, `answer` says so.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def answer(self) -> dict:
        """The answer to the oldest request.

        Raises:
            WorkerError: the request failed, or the process ended.
        """
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            end = self._log.read()[-2000:]
            raise WorkerError(f"{self.framework} ended ({self._process.wait()}): {end}")
        answer = json.loads(line)
        if "failed" in answer:
            raise WorkerError(f"{self.framework}: {answer['failed']}")
        return answer

    def ask(self, method: str, **arguments) -> dict:
        """Sends a request and waits for its answer.

        Raises:
            WorkerError: as `answer`.
        """
        self.tell(method, **arguments)
        return self.answer()

    def build(self, case: Case) -> dict:
        """Makes the flow of a case."""
        return self.ask("build", **dataclasses.asdict(case))

    def seconds(self, operation: str, repeats: int = 1) -> list[float]:
        """Of each of so many calls."""
        return self.ask("run", operation=operation, repeats=repeats)["seconds"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._log.close()
