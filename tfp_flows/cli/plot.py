"""``tfp-flows plot``: a model beside a table."""

import argparse
from pathlib import Path

from tfp_flows.cli.arguments import add_columns, add_model, add_reading, natural
from tfp_flows.cli.files import require_folder
from tfp_flows.cli.inputs import read_for_model
from tfp_flows.cli.model_file import load

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
        type=natural,
        default=0,
        metavar="N",
        help="of the samples (default: %(default)s)",
    )
    add_columns(parser, "those of the model", "that of the model")
    add_reading(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
    # Not before: matplotlib takes a second.
    from tfp_flows.cli.pictures import draw_all

    require_folder(options.out)
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
