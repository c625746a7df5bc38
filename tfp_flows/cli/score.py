"""``tfp-flows score``: how probable rows are."""

import argparse

import numpy as np

from tfp_flows.cli.arguments import add_columns, add_model, add_reading
from tfp_flows.cli.files import STANDARD_OUTPUT, require_output, write
from tfp_flows.cli.inputs import read_for_model
from tfp_flows.cli.messages import count, note
from tfp_flows.cli.model_file import load

_BATCH_SIZE = 4096
_EPILOG = """\
The columns are found by their names, or by their positions where there are no names.
Rows that --skip-bad-rows leaves out get the line nan, so that the lines stay those of
the rows. The mean NLL goes to standard error.

examples:
  tfp-flows score wine.csv --model wine.keras > scores.txt
  zcat new.csv.gz | tfp-flows score - --model wine.keras
"""


def add_to(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser's."""
    parser = commands.add_parser(
        "score",
        help="a log-probability for each row of a table",
        description=(
            "Prints the log-probability density of each row, in nats, a line each, in "
            "the order of the rows."
        ),
        epilog=_EPILOG,
    )
    parser.add_argument("data", metavar="DATA", help="a table, or - for standard input")
    add_model(parser)
    parser.add_argument(
        "--out",
        default=STANDARD_OUTPUT,
        metavar="FILE",
        help="where to write (default: standard output)",
    )
    add_columns(parser, "those of the model", "that of the model")
    add_reading(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
    require_output(options.out)
    loaded = load(options.model)
    rows = read_for_model(options, loaded)
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
