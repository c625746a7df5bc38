"""``tfp-flows fit``: learn the density of a table's rows."""

import argparse
from pathlib import Path

from tfp_flows.cli.arguments import (
    add_cache,
    add_columns,
    add_reading,
    fraction,
    positive,
    positive_number,
    sizes,
    whole_number,
    wrapped,
)
from tfp_flows.cli.files import require_folder, require_inputs, require_writable
from tfp_flows.cli.flow_list import flows_of_vectors

FLOWS = flows_of_vectors()

_EPILOG = """\
flows:
{flows}

examples:
  tfp-flows fit wine.csv --out wine.keras
  tfp-flows fit wine.csv --out wine.keras --noise 0.001 --epochs 200
  tfp-flows fit wine.csv --out wine.keras --columns 1-11 --context quality
  zcat wine.csv.gz | tfp-flows fit - --out wine.keras --no-pictures

The columns are standardized, and NLL and log-probabilities are, in nats, those of the
numbers as they are in the table. Standard output gets the report, standard error the
progress. Ctrl-C ends training and keeps the best model so far.
"""


def add_to(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser's."""
    width = max(map(len, FLOWS))
    parser = commands.add_parser(
        "fit",
        help="learn the density of a table's rows",
        description=(
            "Learns the density of the rows of a table: CSV, TSV, NPY or Parquet; its "
            "columns must be numbers. Rows are held out, and training ends when the "
            "model gets no better on them."
        ),
        epilog=_EPILOG.format(
            flows="\n".join(
                wrapped(f"  {name:<{width}}  {text}", indent=width + 4)
                for name, text in FLOWS.items()
            )
        ),
    )
    parser.add_argument("data", metavar="DATA", help="a table, or - for standard input")
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        type=_model_path,
        help="the model file to write, FILE.keras",
    )
    _add_training(parser)
    _add_pictures(parser)
    add_columns(parser, "all that are no context", "none")
    add_reading(parser)
    add_cache(parser)
    parser.set_defaults(check=check, work="fitting")


def check(options: argparse.Namespace) -> None:
    """Chooses the folder of the pictures, and raises what needs no TensorFlow."""
    require_writable(options.out)
    if not options.no_pictures:
        beside = options.out.with_name(f"{options.out.stem}_pictures")
        options.pictures = options.pictures or beside
        require_folder(options.pictures)
    require_inputs(options.data, options.context_file)


def _add_training(parser) -> None:
    group = parser.add_argument_group("training")

    def add(name, kind, default, text, metavar="N"):
        group.add_argument(
            name,
            type=kind,
            default=default,
            metavar=metavar,
            help=text + ("" if default is None else " (default: %(default)s)"),
        )

    group.add_argument(
        "--flow",
        choices=FLOWS,
        default="nsf",
        metavar="NAME",
        help="see the list below (default: %(default)s, a good start)",
    )
    group.add_argument(
        "--autoregressive",
        action=argparse.BooleanOptionalAction,
        help="autoregressive layers, which learn more and sample slower, or couplings, "
        "for flows that have both (default: the flow's own)",
    )
    add("--epochs", positive, 100, "at most so many passes over the rows")
    add("--patience", positive, 15, "epochs without progress before training ends")
    add("--held-out", fraction, 0.1, "part of the rows to hold out", "FRACTION")
    add(
        "--noise",
        positive_number,
        None,
        "add normal noise, so many standard deviations of each column wide: for "
        "rounded numbers, such as 0.001 (default: none)",
        "SIZE",
    )
    add("--batch-size", positive, None, "rows a step (default: 32 to 512, by rows)")
    add("--learning-rate", positive_number, 1e-3, "of Adam, at the start", "RATE")
    add("--layers", positive, None, "layers of the flow (default: the flow's own)")
    add(
        "--hidden",
        sizes,
        None,
        "widths of the hidden layers of its networks (default: 64,64, or more for "
        "many columns)",
        "LIST",
    )
    add("--seed", whole_number, 0, "of weights, noise and the order of rows")
    group.add_argument(
        "--quiet", action="store_true", help="no progress on standard error"
    )


def _add_pictures(parser) -> None:
    group = parser.add_argument_group("pictures").add_mutually_exclusive_group()
    group.add_argument(
        "--pictures",
        type=Path,
        metavar="FOLDER",
        help="where to put them (default: beside the model, FILE_pictures)",
    )
    group.add_argument(
        "--no-pictures",
        action="store_true",
        help="draw no pictures",
    )


def _model_path(text: str) -> Path:
    if not text.endswith(".keras"):
        raise argparse.ArgumentTypeError(
            f"the name of a model must end in .keras, but got {text}"
        )
    return Path(text)
