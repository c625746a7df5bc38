"""The work of ``tfp-flows info``."""

import argparse

from tfp_flows.cli.messages import report
from tfp_flows.cli.model_file import load

_NO_RECORD = "saved from Python: there is no record of a table in it"


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
    loaded = load(options.model)
    lines = [_NO_RECORD] if loaded.record is None else loaded.record.report()
    loaded.model.summary(print_fn=lines.append)
    for title, origin in (("columns", loaded.columns), ("context", loaded.context)):
        if origin is not None:
            lines += [f"{title}:", *(f"  {label}" for label in origin.labels)]
    report(lines)
    return 0
