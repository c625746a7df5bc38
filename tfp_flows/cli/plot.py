"""``tfp-flows plot``: a model beside a table."""

import argparse
from pathlib import Path

from tfp_flows.cli.arguments import (
    add_cache,
    add_columns,
    add_model,
    add_reading,
    whole_number,
)
from tfp_flows.cli.files import require_folder, require_inputs

_EPILOG = """\
pictures:
  loss.png         the NLL of each epoch, as it was in training
  marginals.png    each column of the table and of the model's samples
  pairs.png        each two columns, the table's and the model's
  calibration.png  the rows in the model's base space, where they are to be uniform;
                   take rows that were not for training

example:
  tfp-flows plot new.csv --model wine.keras --out pictures
"""


def add_to(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser's."""
    parser = commands.add_parser(
        "plot",
        help="pictures of a model beside a table",
        description="Draws what a model says beside the rows of a table.",
        epilog=_EPILOG,
    )
    parser.add_argument("data", metavar="DATA", help="a table, or - for standard input")
    add_model(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder for the pictures",
    )
    parser.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="of the samples (default: %(default)s)",
    )
    add_columns(parser, "those of the model", "that of the model")
    add_reading(parser)
    add_cache(parser)
    parser.set_defaults(check=check, work="plotting")


def check(options: argparse.Namespace) -> None:
    """Raises what can be found without TensorFlow."""
    require_folder(options.out)
    require_inputs(options.model, options.data, options.context_file)
