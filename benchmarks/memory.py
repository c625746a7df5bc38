"""Prints how the memory of a training step of Glow grows with its depth.

python -m benchmarks.memory                   4 to 32 steps, in about 15 minutes
python -m benchmarks.memory --steps 4 8       fewer

Each measurement is a process that calls `fit` for one step. Under XLA its memory is
what XLA reports of the compiled step, for the peak of such a process is the compiler's;
without XLA it is the process's peak, which scatters with the order of operations. The
difference between two sizes of the batch, divided by the images between them, is the
memory of one image: weights and optimizer cancel. What depth adds to it is set beside
the activations that back-propagation must keep of a step of Glow, for each pixel of its
C channels, with two hidden layers of F (float32):

    C    the input of ActNorm, for the gradient of its scale
    C    the input of the 1×1 convolution, for that of its matrix
    C    the input of the coupling: what its network sees, and what it scales
    2 F  the network's hidden layers, for the gradients of the next kernels
    C/2  the network's log-scales
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SHAPE = (8, 8, 1)
HIDDEN = 64
BATCHES = (2048, 4096)
STEPS = (4, 8, 16, 32)
GOAL = 1.2
REPEATS = 5
# The C library gives what is larger back to the system at once, and leaves no gaps.
NO_GAPS = {"MALLOC_MMAP_THRESHOLD_": "1048576"}


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(peak_of_a_step(**options.one))
    else:
        print_table(sorted(options.steps))


def print_table(depths: list[int]) -> None:
    """A row for each depth, with XLA and without."""
    kept = kept_by_a_step()
    print(f"Kept by back-propagation, an image and step: {kept / 1024:.2f} KiB\n")
    over = f"over what is kept | ≤ {GOAL}"
    print(f"| XLA | steps | KiB an image | more a step | {over} |")
    print("| --- | ---: | ---: | ---: | ---: | --- |", flush=True)
    for jit in (True, False):
        before = None
        for depth in depths:
            found = memory_of_an_image(depth, jit)
            row = ["yes" if jit else "no", str(depth), f"{found / 1024:.1f}"]
            if before is None:
                row += ["–"] * 3
            else:
                slope = (found - before[1]) / (depth - before[0])
                ratio = slope / kept
                row += [f"{slope / 1024:.2f}", f"{ratio:.2f}"]
                row += ["yes" if ratio <= GOAL else "no"]
            print("| " + " | ".join(row) + " |", flush=True)
            before = depth, found


def kept_by_a_step() -> float:
    """Bytes of an image, as the head of this file counts them."""
    rows, columns, channels = SHAPE
    channels *= 4  # One level squeezes the image once.
    pixels = rows * columns // 4
    return 4.0 * pixels * (3.5 * channels + 2 * HIDDEN)


def memory_of_an_image(num_steps: int, jit: bool) -> float:
    """Bytes, the median of several pairs of processes where they scatter."""
    found = []
    for _ in range(1 if jit else REPEATS):
        small, large = (memory_of_a_step(num_steps, batch, jit) for batch in BATCHES)
        found.append((large - small) / (BATCHES[1] - BATCHES[0]))
    return statistics.median(found)


def memory_of_a_step(num_steps: int, batch: int, jit: bool) -> int:
    """Bytes, by a process."""
    what = json.dumps({"num_steps": num_steps, "batch": batch, "jit": jit})
    command = [sys.executable, "-m", "benchmarks.memory", "--one", what]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | (reporting(folder) if jit else NO_GAPS)
        answer = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=environment
        )
        return reported(Path(folder)) if jit else int(answer.stdout.split()[-1])


def reporting(folder) -> dict[str, str]:
    """Of the environment, so that XLA writes into the folder what `reported` reads."""
    return {"XLA_FLAGS": f"--xla_dump_to={folder} --xla_dump_hlo_as_text"}


def reported(folder: Path) -> int:
    """Bytes that XLA says the largest of its programs uses."""
    return max(
        int(re.match(r"Total bytes used: (\d+)", file.read_text())[1])
        for file in folder.glob("*memory-usage-report.txt")
    )


def peak_of_a_step(num_steps: int, batch: int, jit: bool) -> int:
    """Bytes of this process, after one step of training."""
    import numpy as np
    import tensorflow as tf

    import tfp_flows
    from benchmarks.worker import peak_memory

    # Operations one after another, always in the same order.
    tf.config.threading.set_inter_op_parallelism_threads(1)
    flow = tfp_flows.flows.glow(
        SHAPE, num_levels=1, num_steps=num_steps, hidden_units=[HIDDEN] * 2, seed=0
    )
    model = tfp_flows.FlowModel(flow)
    model.compile(jit_compile=jit)
    x = np.random.default_rng(0).normal(size=[batch, *SHAPE]).astype("float32")
    model.fit(x, batch_size=batch, epochs=1, verbose=0)
    return peak_memory()


if __name__ == "__main__":
    main()
