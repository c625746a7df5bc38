"""Prints the memory of a process that trains for long, then makes many models.

python -m benchmarks.long_run                 20,000 steps, 500 models, in 20 minutes
python -m benchmarks.long_run --steps 2000 --models 50

Memory is the resident set, after Python's collector. What grows is printed a step, or a
model, over the last two thirds.
"""

import argparse
import gc
import os
from pathlib import Path

import keras
import numpy as np

import tfp_flows

BATCH = 64
ROWS = 64 * 100
MEASUREMENTS = 10


def resident_megabytes() -> float:
    """The memory that the process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def rows(num: int) -> np.ndarray:
    """Points of a two-moons sample."""
    return np.asarray(tfp_flows.datasets.TwoMoons().sample(num, seed=0))


class Watch(keras.callbacks.Callback):
    """Notes the memory at the ends of epochs."""

    def __init__(self, every: int):
        super().__init__()
        self.every, self.noted = every, []

    def on_epoch_end(self, epoch, logs=None):
        """Note it, now and then."""
        if (epoch + 1) % self.every == 0:
            self.noted.append(
                (int(self.model.optimizer.iterations), resident_megabytes())
            )


def many_steps(steps: int) -> list[tuple[int, float]]:
    """(Step, megabytes) of one model that trains."""
    epochs = steps * BATCH // ROWS
    watch = Watch(max(epochs // MEASUREMENTS, 1))
    model = tfp_flows.FlowModel(tfp_flows.flows.real_nvp(2, seed=0))
    model.fit(rows(ROWS), batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[watch])
    return watch.noted


def many_models(models: int) -> list[tuple[int, float]]:
    """(Models so far, megabytes), each made, fitted, asked and dropped."""
    noted = []
    x = rows(BATCH * 4)
    for index in range(models):
        flow = tfp_flows.flows.maf(2, num_layers=3, hidden_units=[16], seed=index)
        model = tfp_flows.FlowModel(flow)
        model.fit(x, batch_size=BATCH, verbose=0)
        model.evaluate(x, verbose=0)
        flow.sample(3, seed=0)
        del flow, model
        if (index + 1) % max(models // MEASUREMENTS, 1) == 0:
            noted.append((index + 1, resident_megabytes()))
    return noted


def table(title: str, noted: list[tuple[int, float]]) -> None:
    """A row for each measurement, and what the last two thirds add."""
    print(f"| {title} | MB |\n|---:|---:|")
    for count, memory in noted:
        print(f"| {count:,} | {memory:,.0f} |")
    late = noted[len(noted) // 3 :]
    counts, values = zip(*late, strict=True)
    slope = np.polyfit(counts, values, 1)[0] * 1e3
    print(f"\nIt grows by {slope:.1f} kB for each of the {title}.\n", flush=True)


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_run")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--models", type=int, default=500)
    options = parser.parse_args()
    table("steps", many_steps(options.steps))
    table("models", many_models(options.models))


if __name__ == "__main__":
    main()
