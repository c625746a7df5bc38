"""``tfp-flows sample``: new rows."""

import argparse
from pathlib import Path

from tfp_flows.cli.arguments import (
    add_cache,
    add_model,
    add_reading,
    positive,
    whole_number,
)
from tfp_flows.cli.files import STANDARD_OUTPUT, require_inputs, require_output
from tfp_flows.cli.messages import Mistake

FORMATS = ("csv", "tsv", "npy", "parquet")

_EPILOG = """\
The columns are those of the model, in the order of its table. A model with a context
needs one: it draws -n rows for each row of --context-file, and writes the context, too.

examples:
  tfp-flows sample -n 1000 --model wine.keras > new.csv
  tfp-flows sample -n 1000 --model wine.keras --out new.parquet --seed 0
  printf 'quality\\n5\\n6\\n' | tfp-flows sample --model wine.keras --context-file -
"""


def add_to(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser's."""
    parser = commands.add_parser(
        "sample",
        help="draw new rows",
        description="Draws rows from a model.",
        epilog=_EPILOG,
    )
    add_model(parser)
    parser.add_argument(
        "-n",
        "--rows",
        type=positive,
        default=1,
        metavar="N",
        help="how many, for each context if there is one (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number,
        metavar="N",
        help="the same gives the same rows (default: others each time)",
    )
    parser.add_argument(
        "--out",
        default=STANDARD_OUTPUT,
        metavar="FILE",
        help="where to write (default: standard output)",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="of what is written (default: from the name of the file, else csv)",
    )
    parser.add_argument(
        "--context-file",
        metavar="FILE",
        help="a table with the contexts, or - for standard input",
    )
    parser.add_argument(
        "--context",
        metavar="LIST",
        help="its columns (default: those of the model, by name or position)",
    )
    add_reading(parser)
    add_cache(parser)
    parser.set_defaults(check=check, work="sampling")


def check(options: argparse.Namespace) -> None:
    """Finds the format, and raises what can be found without TensorFlow."""
    options.format = options.format or _format_of(options.out)
    require_output(options.out)
    require_inputs(options.model, options.context_file)


def _format_of(path: str) -> str:
    suffix = Path(path).suffix[1:].lower()
    if suffix in ("", "txt", "dat"):
        return "csv"
    if suffix not in FORMATS:
        raise Mistake(
            f"{path}: there is no format .{suffix}: give the file another name, or "
            f"say --format {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
        )
    return suffix
