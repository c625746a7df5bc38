"""Prints how near flows come to densities in a small, fixed budget of training.

python -m benchmarks.accuracy              two-dimensional densities that are known
python -m benchmarks.accuracy TABLE.csv    a table of numbers: the test NLL

A table is one row an example, without a header (``.csv`` or ``.csv.gz``). Its values
are often rounded, and a density is unbounded on ties: each column gets noise of a
thousandth of its standard deviation. A fifth of the rows is held out.
"""

import argparse
import math

import keras
import numpy as np
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import datasets, flows

BATCH = 512
STEPS = 1500
RATE = 1e-3
NETWORK = {"num_layers": 5, "hidden_units": (128, 128)}
SPLINE = NETWORK | {"num_bins": 8, "autoregressive": True}
HELD_OUT = 100_000

# Nats that the flow may be worse than the density itself.
GAPS = {
    "moons": (datasets.TwoMoons(noise=0.1), 0.01),
    "eight Gaussians": (datasets.EightGaussians(), 0.03),
    "checkerboard": (datasets.Checkerboard(), 0.14),
}
# Beside the spline flow, on the checkerboard.
UNIVERSAL = {
    "naf": lambda: flows.naf(2, seed=0, **NETWORK),
    "bnaf": lambda: flows.bnaf(2, hidden_factor=64, seed=0),
    "umnn": lambda: flows.umnn(2, seed=0, **NETWORK),
}
# Test NLL, in nats, to reach on the protein table.
FLOWS = {
    "nsf": (lambda size: flows.nsf(size, seed=0, **SPLINE), -2.23),
    "maf": (lambda size: flows.maf(size, seed=0, **NETWORK), -1.88),
}


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy")
    parser.add_argument("table", nargs="?", help="a CSV file; the goals are protein's")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    print(f"Budget: {options.steps} steps of {BATCH} rows, Adam {RATE}, cosine decay")
    if options.table:
        print_table_nll(options.table, options.steps)
    else:
        print_gaps(options.steps)


def print_gaps(steps: int) -> None:
    """The mean of log p − log q on held-out points, with its standard error."""
    for name, (density, goal) in GAPS.items():
        print_gap(name, density, flows.nsf(2, seed=0, **SPLINE), steps, goal)
    density, goal = GAPS["checkerboard"]
    for name, make in UNIVERSAL.items():
        print_gap(f"checkerboard, {name}", density, make(), steps, goal)


def print_gap(name: str, density, flow, steps: int, goal: float) -> None:
    """Trains the flow and prints one line."""
    model, _ = trained(flow, density.sample(steps * BATCH, seed=[0, 1]).numpy())
    x = density.sample(HELD_OUT, seed=[0, 2])
    log_q = model.predict(x.numpy(), batch_size=10_000, verbose=0)
    gap, error = mean_and_error(density.log_prob(x).numpy() - log_q)
    print(f"{name}: {gap:.4f} ± {error:.4f} nats from p (goal: ≤ {goal})")


def print_table_nll(path: str, steps: int) -> None:
    """The test NLL of each flow on the standardised table, with its standard error."""
    train, test = split_table(np.loadtxt(path, delimiter=","))
    rows = repeated(train, steps * BATCH)
    for name, (make, goal) in FLOWS.items():
        model, log_scale = trained(make(rows.shape[1]), rows)
        nll = -model.predict(test, batch_size=10_000, verbose=0) - log_scale
        mean, error = mean_and_error(nll)
        print(f"{name}: test NLL {mean:.3f} ± {error:.3f} nats (goal: ≤ {goal})")


def trained(
    flow: tfd.Distribution, rows: np.ndarray
) -> tuple[tfp_flows.FlowModel, float]:
    """The flow on standardised data, after one step for each batch of ``rows``.

    Returns:
        the model, a density of the data as they came, and the logarithm of the volume
        by which standardising shrinks them.
    """
    standardize = tfp_flows.bijectors.Standardize(rows.shape[1])
    model = tfp_flows.FlowModel(tfd.TransformedDistribution(flow, standardize))
    rate = keras.optimizers.schedules.CosineDecay(RATE, len(rows) // BATCH)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    model.fit(rows, batch_size=BATCH, shuffle=False, verbose=0)
    return model, float(np.log(standardize.scale.numpy()).sum())


def split_table(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and the fifth that is held out, both with their noise."""
    rng = np.random.default_rng(0)
    table = rng.permutation(table)
    table = table + rng.normal(scale=1e-3 * table.std(axis=0), size=table.shape)
    num_test = len(table) // 5
    return table[num_test:].astype("float32"), table[:num_test].astype("float32")


def repeated(rows: np.ndarray, num_rows: int) -> np.ndarray:
    """So many rows: all of them again and again, each time in a new order."""
    rng = np.random.default_rng(1)
    orders = [
        rng.permutation(len(rows)) for _ in range(math.ceil(num_rows / len(rows)))
    ]
    return rows[np.concatenate(orders)[:num_rows]]


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """The mean, and the standard error of it."""
    return float(values.mean()), float(values.std() / math.sqrt(len(values)))


if __name__ == "__main__":
    main()
