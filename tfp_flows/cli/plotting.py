"""The work of ``tfp-flows plot``."""

import argparse

from tfp_flows.cli.inputs import read_for_model
from tfp_flows.cli.model_file import load
from tfp_flows.cli.pictures import draw_all


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
    loaded = load(options.model)
    rows = read_for_model(options, loaded)
    draw_all(
        loaded.model,
        options.out,
        rows.data,
        rows.data,
        names=loaded.columns.labels,
        history=loaded.record.history if loaded.record else None,
        seed=options.seed,
    )
    return 0
