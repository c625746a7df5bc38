"""``tfp-flows sample``: new rows."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from tfp_flows.cli.arguments import add_model, add_reading, natural, positive
from tfp_flows.cli.files import STANDARD_OUTPUT, require_output, write
from tfp_flows.cli.inputs import read_context
from tfp_flows.cli.messages import Mistake, note
from tfp_flows.cli.model_file import LoadedModel, load
from tfp_flows.cli.sampling import draw
from tfp_flows.cli.writing import FORMATS, encode

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
        type=natural,
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
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
    kind = options.format or _format_of(options.out)
    require_output(options.out)
    loaded = load(options.model)
    context, num_rows = None, options.rows
    if loaded.context is None:
        if options.context_file or options.context:
            raise Mistake("the model takes no context, but got one.")
    elif options.context_file is None:
        raise Mistake("the model takes a context: give --context-file.")
    else:
        context = read_context(options, loaded.context, loaded.model.dtype)
        context = np.repeat(context, options.rows, axis=0)
        num_rows = len(context)
    samples = draw(loaded.model, num_rows, context, options.seed)
    bad = np.count_nonzero(~np.isfinite(samples).all(axis=1))
    if bad:
        note(f"warning: {bad:,} of {num_rows:,} rows are not finite.")
    write(options.out, encode(*_table(loaded, samples, context), kind))
    return 0


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


def _table(
    loaded: LoadedModel, samples: np.ndarray, context: np.ndarray | None
) -> tuple[pd.DataFrame, list[str] | None]:
    """Context and samples in the order of the table, and the names of the columns."""
    parts = [(loaded.columns, samples)]
    if loaded.context is not None and context is not None:
        parts.insert(0, (loaded.context, context))
    columns: dict[tuple[int, int], np.ndarray] = {}
    headers: dict[tuple[int, int], str] = {}
    for number, (origin, values) in enumerate(parts):
        for i, position in enumerate(origin.positions):
            place = (number if loaded.context_apart else 0, position)
            # Of its own dtype, in which it is written without false digits.
            columns[place] = values[:, i]
            if origin.headers:
                headers[place] = origin.headers[i]
    order = sorted(columns)
    frame = pd.DataFrame(dict(enumerate(columns[place] for place in order)))
    names = [headers[place] for place in order if place in headers]
    return frame, names if len(names) == len(order) else None
