"""Prints how soon the first results are there, beside another version of the package.

git worktree add ../before COMMIT
python -m benchmarks.first_results --before ../before
python -m benchmarks.first_results --flow nsf-c-16

Each figure is from a process of its own, the versions in turns. Without ``--before``
this version alone.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
BATCH, MANY = 512, 4096
# Of a run, from the making of its model on.
STEPS = 1000
# Of each flow: the function of `tfp_flows.flows`, its event size and its options.
FLOWS = {
    "realnvp-2d": ("real_nvp", 2, {"num_layers": 8, "hidden_units": [64, 64]}),
    "maf-43": ("maf", 43, {"num_layers": 5, "hidden_units": [128, 128]}),
    "nsf-c-16": ("nsf", 16, {"num_layers": 8, "hidden_units": [128, 128]}),
    "nsf-ar-16": (
        "nsf",
        16,
        {"num_layers": 5, "hidden_units": [128, 128], "autoregressive": True},
    ),
    "nsf-c-16, 32 layers": ("nsf", 16, {"num_layers": 32, "hidden_units": [128, 128]}),
    "nsf-ar-16, 32 layers": (
        "nsf",
        16,
        {"num_layers": 32, "hidden_units": [128, 128], "autoregressive": True},
    ),
}


def measured(flow: str, turns: int, versions: dict[str, Path]) -> dict[str, dict]:
    """The medians of each figure, for each version."""
    found: dict[str, dict[str, list]] = {name: {} for name in versions}
    for _ in range(turns):
        for name, root in versions.items():
            environment = os.environ | {
                "PYTHONPATH": str(root),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            }
            for kind in ["--measure"] if "32" in flow else ["--measure", "--run"]:
                done = subprocess.run(
                    [sys.executable, __file__, kind, flow],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                    cwd=root,
                )
                for figure, value in json.loads(done.stdout.splitlines()[-1]).items():
                    found[name].setdefault(figure, []).append(value)
    return found


def run(flow: str) -> dict[str, float]:
    """Seconds of a whole training run, with all that is compiled meanwhile."""
    import numpy as np

    import tfp_flows

    name, size, options = FLOWS[flow]
    rows = np.random.default_rng(0).normal(size=[BATCH * STEPS // 10, size])
    start = time.perf_counter()
    model = tfp_flows.FlowModel(getattr(tfp_flows.flows, name)(size, seed=0, **options))
    model.fit(rows.astype("float32"), batch_size=BATCH, epochs=10, verbose=0)
    return {f"fit, {STEPS:,} steps": time.perf_counter() - start}


def measure(flow: str) -> dict[str, float]:
    """Seconds, and the process's peak memory in GB."""
    import keras  # Not in the process that only starts the others.
    import numpy as np
    import tensorflow as tf

    import tfp_flows

    name, size, options = FLOWS[flow]
    rng = np.random.default_rng(0)
    rows = rng.normal(size=[BATCH * 4, size]).astype("float32")
    many = tf.constant(rng.normal(size=[MANY, size]), tf.float32)
    found: dict[str, float] = {}

    def make(seed):
        return getattr(tfp_flows.flows, name)(size, seed=seed, **options)

    def seconds(function):
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    def timed(figure, function):
        found[f"{figure}, first"] = seconds(function)
        for _ in range(4):  # Until all is traced.
            function()
        later = [seconds(function) for _ in range(3)]
        found[f"{figure}, later"] = statistics.median(later)

    class FirstStep(keras.callbacks.Callback):
        """Ends training, and tells when."""

        seconds = None

        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True
            if self.seconds is None:
                self.seconds = time.perf_counter() - self.start

    def first_step(model):
        watch = FirstStep()
        watch.start = time.perf_counter()
        model.fit(rows, batch_size=BATCH, verbose=0, callbacks=[watch])
        return watch.seconds

    flow_made, other = make(0), make(1)
    model = tfp_flows.FlowModel(flow_made)
    timed("eager sample", lambda: flow_made.sample(MANY, seed=[0, 1]))
    if "32" in flow and "-ar-" in flow:  # XLA would take minutes for the others.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return found | {"peak memory, GB": peak / 2**20}
    timed("eager log_prob", lambda: flow_made.log_prob(many))
    timed("predict", lambda: model.predict(many, batch_size=MANY, verbose=0))
    in_a_graph = tf.function(lambda: flow_made.sample(MANY, seed=[0, 1]))
    timed("sample in a tf.function", in_a_graph)
    found["fit, first step"] = first_step(model)
    found["fit, first step of a second flow"] = first_step(tfp_flows.FlowModel(other))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found | {"peak memory, GB": peak / 2**20}


def table(flow: str, found: dict[str, dict]) -> list[str]:
    """The figures of a flow; the last column is now over before."""
    names = list(found)
    ratio = ["now / before"] if len(names) > 1 else []
    lines = [
        "| " + " | ".join([flow, *names, *ratio]) + " |",
        "|---" * (1 + len(names) + len(ratio)) + "|",
    ]
    for figure, now in found["now"].items():
        cells = [f"{statistics.median(found[name][figure]):.3g}" for name in names]
        if ratio:
            pairs = zip(now, found["before"][figure], strict=True)
            ratios = sorted(a / b for a, b in pairs)
            cells.append(
                f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
            )
        lines.append("| " + " | ".join([figure, *cells]) + " |")
    return [*lines, ""]


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_results")
    parser.add_argument("--before", type=Path, help="a folder with another version")
    parser.add_argument("--flow", nargs="+", choices=FLOWS, default=list(FLOWS))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--measure", choices=FLOWS, help=argparse.SUPPRESS)
    parser.add_argument("--run", choices=FLOWS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure or options.run:
        flow = options.measure or options.run
        print(json.dumps((measure if options.measure else run)(flow)))
        return
    versions = {} if options.before is None else {"before": options.before.resolve()}
    for flow in options.flow:
        found = measured(flow, options.turns, versions | {"now": HERE})
        print("\n".join(table(flow, found)), flush=True)


if __name__ == "__main__":
    main()
