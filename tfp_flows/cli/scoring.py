"""The work of ``tfp-flows score``."""

import argparse

import numpy as np

from tfp_flows.cli.files import write
from tfp_flows.cli.inputs import read_for_model
from tfp_flows.cli.messages import count, note, note_compiling
from tfp_flows.cli.model_file import load

_BATCH_SIZE = 4096


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
    loaded = load(options.model)
    rows = read_for_model(options, loaded)
    note_compiling()
    log_probs = loaded.model.predict(
        rows.data.as_inputs, batch_size=_BATCH_SIZE, verbose=0
    )
    lines = np.full(rows.num_rows, "nan", dtype=object)
    lines[rows.numbers] = [str(value) for value in log_probs]
    write(options.out, "\n".join([*lines, ""]).encode())
    note(f"{count(len(log_probs), 'row')}, mean NLL {-log_probs.mean():.3f} nats.")
    if loaded.record and loaded.record.noise:
        note(
            "this is the density of a table with noise: rounded rows lie in the middle "
            "of their noise, and score more than with it."
        )
    return 0
