"""The work of ``tfp-flows sample``: samples of a model, a part at a time."""

import argparse

import numpy as np
import pandas as pd

import tfp_flows
from tfp_flows.cli.files import write
from tfp_flows.cli.inputs import read_context
from tfp_flows.cli.messages import Mistake, note
from tfp_flows.cli.model_file import LoadedModel, load
from tfp_flows.cli.writing import encode
from tfp_flows.random_state import Seed, split_seed

_BATCH_SIZE = 4096


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
    loaded = load(options.model)
    context, num_rows = None, options.rows
    if loaded.context is None:
        if options.context_file or options.context:
            raise Mistake("the model takes no context, but got one.")
    elif options.context_file is None:
        raise Mistake("the model takes a context: give --context-file.")
    else:
        context = read_context(options, loaded.context, loaded.model.dtype)
        context = np.repeat(context, options.rows, axis=0)
        num_rows = len(context)
    samples = draw(loaded.model, num_rows, context, options.seed)
    bad = np.count_nonzero(~np.isfinite(samples).all(axis=1))
    if bad:
        note(f"warning: {bad:,} of {num_rows:,} rows are not finite.")
    write(options.out, encode(*_table(loaded, samples, context), options.format))
    return 0


def draw(
    model: tfp_flows.FlowModel,
    num_samples: int,
    context: np.ndarray | None,
    seed: Seed,
) -> np.ndarray:
    """Samples ``[N, D]``; given contexts ``[N, C]``, one for each.

    Args:
        model: that has them.
        num_samples: N.
        context: of a conditional model, else ``None``.
        seed: the same gives the same samples; ``None`` others each time.
    """
    starts = range(0, num_samples, _BATCH_SIZE)
    seeds = split_seed(seed, len(starts))
    parts = []
    for start, own_seed in zip(starts, seeds, strict=True):
        size = min(_BATCH_SIZE, num_samples - start)
        if context is None:
            parts.append(model.sample(size, seed=own_seed).numpy())
        else:
            part = context[start : start + size].astype(model.dtype)
            parts.append(model.sample(1, context=part, seed=own_seed).numpy()[0])
    return np.concatenate(parts)


def _table(
    loaded: LoadedModel, samples: np.ndarray, context: np.ndarray | None
) -> tuple[pd.DataFrame, list[str] | None]:
    """Context and samples in the order of the table, and the names of the columns."""
    parts = [(loaded.columns, samples)]
    if loaded.context is not None and context is not None:
        parts.insert(0, (loaded.context, context))
    columns: dict[tuple[int, int], np.ndarray] = {}
    headers: dict[tuple[int, int], str] = {}
    for number, (origin, values) in enumerate(parts):
        for i, position in enumerate(origin.positions):
            place = (number if loaded.context_apart else 0, position)
            # Of its own dtype, in which it is written without false digits.
            columns[place] = values[:, i]
            if origin.headers:
                headers[place] = origin.headers[i]
    order = sorted(columns)
    frame = pd.DataFrame(dict(enumerate(columns[place] for place in order)))
    names = [headers[place] for place in order if place in headers]
    return frame, names if len(names) == len(order) else None
