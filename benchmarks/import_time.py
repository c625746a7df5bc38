"""Prints what `import tfp_flows` adds to Keras and TFP, and how soon `--help` is there.

python benchmarks/import_time.py
"""

import statistics
import subprocess
import sys
import time

PROGRAM = """
import time
import keras
import tensorflow_probability as tfp
tfp.bijectors.Shift  # TFP loads its parts when they are first used.
start = time.perf_counter()
import tfp_flows
print(time.perf_counter() - start)
"""


def import_seconds() -> float:
    """Measure in a new process."""
    return float(subprocess.check_output([sys.executable, "-c", PROGRAM], text=True))


def command_seconds(*arguments: str) -> float:
    """Measure a whole process, with the start of Python."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "tfp_flows", *arguments]
    subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - start


def report(what: str, seconds: list[float]) -> None:
    """Print the median of several processes, and the extremes."""
    print(
        f"{what} {statistics.median(seconds):.3f} s "
        f"({min(seconds):.3f} to {max(seconds):.3f} s in {len(seconds)} processes)"
    )


report("import tfp_flows adds", [import_seconds() for _ in range(5)])
for arguments in (["--help"], ["fit", "--help"], ["--version"], ["no-such-command"]):
    seconds = [command_seconds(*arguments) for _ in range(5)]
    report(f"tfp-flows {' '.join(arguments)} takes", seconds)
