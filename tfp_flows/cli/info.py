"""``tfp-flows info``: what is in a model file."""

import argparse

from tfp_flows.cli.messages import report
from tfp_flows.cli.model_file import load

_NO_RECORD = "saved from Python: there is no record of a table in it"


def add_to(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser's."""
    parser = commands.add_parser(
        "info",
        help="what is in a model file",
        description=(
            "Prints the columns of a model, how it was trained, and its layers with "
            "their numbers of parameters."
        ),
    )
    parser.add_argument("model", metavar="FILE", help="a model that fit has written")
    parser.set_defaults(run=run)


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
