"""``tfp-flows score``: how probable rows are."""

import argparse

from tfp_flows.cli.arguments import add_cache, add_columns, add_model, add_reading
from tfp_flows.cli.files import STANDARD_OUTPUT, require_inputs, require_output

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
    add_cache(parser)
    parser.set_defaults(check=check, work="scoring")


def check(options: argparse.Namespace) -> None:
    """Raises what can be found without TensorFlow."""
    require_output(options.out)
    require_inputs(options.model, options.data, options.context_file)
