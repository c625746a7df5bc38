"""Prints memory and time of a training step with and without ``recompute=True``.

python -m benchmarks.recompute                  4 to 16 layers, in about 8 minutes
python -m benchmarks.recompute --layers 4 8     fewer

Coupling layers with splines on 16 dimensions, networks of two hidden layers of 128
units, the whole step under XLA. The memory is what XLA reports of the compiled step for
4,096 rows less that for 2,048, so without weights and optimizer, for one row. The time
is that of a step of 512 rows, the two in turns in one process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.memory import BATCHES, reported, reporting

LAYERS = (4, 8, 16)
SIZE, ROWS, TURNS, STEPS = 16, 512, 9, 20


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recompute")
    parser.add_argument("--layers", type=int, nargs="+", default=LAYERS)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        model(**options.one)
        return
    print("| layers | KiB a row | recomputed | more a layer | recomputed | time |")
    print("| ---: | ---: | ---: | ---: | ---: | --- |", flush=True)
    before: list[float] | None = None
    for number in sorted(options.layers):
        kept, anew = (memory_of_a_row(number, again) / 1024 for again in (False, True))
        cells = [str(number), f"{kept:.2f}", f"{anew:.2f}", "–", "–", times(number)]
        if before is not None:
            more = number - before[0]
            cells[3] = f"{(kept - before[1]) / more:.2f}"
            cells[4] = f"{(anew - before[2]) / more:.2f}"
        print("| " + " | ".join(cells) + " |", flush=True)
        before = [number, kept, anew]


def model(num_layers: int, recompute: bool, batch: int):
    """A model that has trained one step on a batch of so many rows, and the batch."""
    import numpy as np

    import tfp_flows

    flow = tfp_flows.flows.nsf(
        SIZE,
        num_layers=num_layers,
        hidden_units=[128, 128],
        recompute=recompute,
        seed=0,
    )
    found = tfp_flows.FlowModel(flow)
    found.compile(jit_compile=True)
    x = np.random.default_rng(0).normal(size=[batch, SIZE]).astype("float32")
    found.fit(x, batch_size=batch, epochs=1, verbose=0)
    return found, x


def memory_of_a_row(num_layers: int, recompute: bool) -> float:
    """Bytes, by two processes."""
    small, large = (memory_of_a_step(num_layers, recompute, batch) for batch in BATCHES)
    return (large - small) / (BATCHES[1] - BATCHES[0])


def memory_of_a_step(num_layers: int, recompute: bool, batch: int) -> int:
    """Bytes that XLA reports, by a process."""
    what = {"num_layers": num_layers, "recompute": recompute, "batch": batch}
    command = [sys.executable, "-m", "benchmarks.recompute", "--one", json.dumps(what)]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | reporting(folder)
        subprocess.run(command, check=True, env=environment)
        return reported(Path(folder))


def times(num_layers: int) -> str:
    """The time with recomputation over that without: the median, and the quartiles."""
    models = [model(num_layers, again, ROWS) for again in (False, True)]
    ratios = []
    for _ in range(TURNS):
        seconds = []
        for trained, x in models:
            start = time.perf_counter()
            for _ in range(STEPS):
                trained.train_on_batch(x)
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[1] / seconds[0])
    low, median, high = statistics.quantiles(ratios, n=4)
    return f"{median:.2f} ({low:.2f}–{high:.2f})"


if __name__ == "__main__":
    main()
