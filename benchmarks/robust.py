"""Prints how densities hold between the data: held-out NLLs, and the worst row.

python -m benchmarks.robust                    tables and densities that are made
python -m benchmarks.robust --data FOLDER      also protein.csv.gz and wine.csv.gz there
python -m benchmarks.robust --tables made --flows maf real_nvp --seeds 5 --peer

Each flow is fitted hard, without tuning (see `benchmarks.accuracy` for the budget), to
standardised rows, by networks that see q(x) (``conditioner_input="tapered"``) and by
networks that see x (``None``); `--peer` adds zuko's MAF. A line has the mean of the
held-out rows' NLL over the seeds, that of each seed, and the worst log-density of any
held-out row, in nats; of densities that are known, log p is subtracted.
"""

import argparse
import functools
import math
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np

import tfp_flows
from benchmarks.accuracy import BATCH, GAPS, RATE, STEPS, repeated, split_table
from tfp_flows import bijectors, flows

HIDDEN = (128, 128)
HELD_OUT = 20_000
REAL = ("protein", "wine")
LINEAR = functools.partial(bijectors.LULinear.trainable, permute=True)

FLOWS: dict[str, Callable] = {
    "maf": functools.partial(flows.maf, hidden_units=HIDDEN),
    "real_nvp": functools.partial(flows.real_nvp, hidden_units=HIDDEN),
    "real_nvp, linear layers": functools.partial(
        flows.real_nvp, hidden_units=HIDDEN, permutation=LINEAR
    ),
    "made": functools.partial(
        flows.autoregressive,
        transformer=bijectors.Affine.spec(),
        num_layers=1,
        hidden_units=HIDDEN,
    ),
}


class Rows(NamedTuple):
    """Standardised rows to train on and held out, and the mean of log p of these."""

    train: np.ndarray
    test: np.ndarray
    log_p: float = 0.0


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robust")
    parser.add_argument("--data", type=pathlib.Path, help="a folder of real tables")
    parser.add_argument("--tables", nargs="+", help="those of them; all if not given")
    parser.add_argument("--flows", nargs="+", choices=list(FLOWS), default=list(FLOWS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--peer", action="store_true", help="zuko's MAF, too")
    options = parser.parse_args()
    print(f"{options.steps} steps of {BATCH} rows, Adam {RATE}, cosine decay")
    print("| table | flow | sees | NLL | of each seed | worst row |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    for name, rows in all_rows(options.data):
        if options.tables and name not in options.tables:
            continue
        for flow in options.flows:
            for seen, text in ((None, "x"), ("tapered", "q(x)")):
                print_line(rows, options, name, flow, text, ours(flow, seen))
        if options.peer:
            print_line(rows, options, name, "zuko's MAF", "x", peer)


def print_line(rows: Rows, options, table, flow, seen, log_densities) -> None:
    """Train with each seed, and print a line of the table."""
    found = [log_densities(rows, seed, options.steps) for seed in range(options.seeds)]
    nlls = [rows.log_p - float(each.mean()) for each in found]
    worst = min(float(each.min()) for each in found)
    each = ", ".join(f"{nll:.3f}" for nll in nlls)
    line = f"| {table} | {flow} | {seen} | {np.mean(nlls):.3f} | {each} | {worst:.0f} |"
    print(line, flush=True)


def all_rows(folder: pathlib.Path | None) -> Iterator[tuple[str, Rows]]:
    """Give the tables and samples, with their names."""
    table = relations()
    yield "made", standardised(table[:6000], table[6000:])
    for name in REAL if folder else ():
        table = np.loadtxt(pathlib.Path(folder or "", f"{name}.csv.gz"), delimiter=",")
        yield name, standardised(*split_table(table))
    for name, (density, _) in GAPS.items():
        train = density.sample(STEPS * BATCH, seed=[0, 1]).numpy()
        test = density.sample(HELD_OUT, seed=[0, 2])
        rows = standardised(train, test.numpy())
        log_p = float(np.mean(density.log_prob(test)))
        yield name, rows._replace(log_p=log_p + float(np.log(train.std(axis=0)).sum()))


def relations(num_rows: int = 8000, seed: int = 0) -> np.ndarray:
    """A table of near-deterministic relations, ``[N, 5]``.

    Three columns are of six regimes, the rare ones small and apart, with tails; two are
    smooth functions of them, with 1 % noise.
    """
    rng = np.random.default_rng(seed)
    regime = rng.choice(6, size=num_rows, p=[0.6, 0.2, 0.1, 0.05, 0.03, 0.02])
    centers = [[0, 0, 0], [3, 1, -2], [-4, 2, 1], [1, -5, 3], [6, 4, 0], [-2, -3, -5]]
    scales = [
        [1.0, 1.0, 1.0],
        [0.3, 1.0, 0.1],
        [0.1, 0.5, 1.0],
        [1.0, 0.05, 0.3],
        [0.2, 0.2, 0.2],
        [0.5, 0.1, 0.05],
    ]
    noise = rng.standard_t(4, size=[num_rows, 3])
    a, b, c = (np.array(centers)[regime] + np.array(scales)[regime] * noise).T
    d = np.sin(1.5 * a) + 0.3 * b * np.tanh(c) + 0.5 * regime
    e = np.abs(a) * np.cos(b) - c
    d = d + 0.01 * d.std() * rng.normal(size=num_rows)
    e = e + 0.01 * e.std() * rng.normal(size=num_rows)
    return np.stack([a, b, c, d, e], axis=1)


def standardised(train: np.ndarray, test: np.ndarray) -> Rows:
    """Both by the mean and the deviation of the first."""
    mean, scale = train.mean(axis=0), train.std(axis=0)
    return Rows(*(((each - mean) / scale).astype("float32") for each in (train, test)))


def ours(flow: str, seen: str | None) -> Callable:
    """Give a function of rows, a seed and steps: log-densities of held-out rows."""

    def log_densities(rows: Rows, seed: int, steps: int) -> np.ndarray:
        size = rows.train.shape[1]
        model = tfp_flows.FlowModel(
            FLOWS[flow](size, seed=seed, conditioner_input=seen)
        )
        rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
        model.compile(optimizer=keras.optimizers.Adam(rate))
        train = repeated(rows.train, steps * BATCH)
        model.fit(train, batch_size=BATCH, shuffle=False, verbose=0)
        return model.predict(rows.test, batch_size=10_000, verbose=0)

    return log_densities


def peer(rows: Rows, seed: int, steps: int) -> np.ndarray:
    """Train zuko's MAF in the same way, and give log-densities of held-out rows."""
    import torch
    import zuko

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    flow = zuko.flows.MAF(rows.train.shape[1], transforms=5, hidden_features=HIDDEN)
    optimizer = torch.optim.Adam(flow.parameters(), lr=RATE)
    train = torch.from_numpy(repeated(rows.train, steps * BATCH))
    for step, batch in enumerate(train.split(BATCH)):
        for group in optimizer.param_groups:
            group["lr"] = RATE * 0.5 * (1.0 + math.cos(math.pi * step / steps))
        optimizer.zero_grad()
        (-flow().log_prob(batch).mean()).backward()
        optimizer.step()
    with torch.no_grad():
        return flow().log_prob(torch.from_numpy(rows.test)).numpy()


if __name__ == "__main__":
    main()
