"""The command ``tfp-flows``.

A command is two modules: one that is named like it and reads its arguments, and its
work. Only the work needs TensorFlow, which takes seconds to load.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

import tfp_flows
from tfp_flows.cli import demo, fit, info, plot, sample, score
from tfp_flows.cli.arguments import Parser
from tfp_flows.cli.compiled_programs import program_cache
from tfp_flows.cli.messages import Failure, Mistake
from tfp_flows.cli.tensorflow_start import start_tensorflow

_EXAMPLES = """\
with a table in wine.csv:
  tfp-flows fit wine.csv --out wine.keras      learn the density of its rows
  tfp-flows score wine.csv --model wine.keras  a log-probability for each row
  tfp-flows sample -n 1000 --model wine.keras  1000 new rows
  tfp-flows info wine.keras                    what is in the model file

tfp-flows COMMAND --help has more on each command.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit status.

    It is 0 if all went well, 2 for a mistake of the user, in the usage or the data, 1
    for files that cannot be read or written and training that fails, 130 for Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except Mistake as error:
        return _end(2, str(error))
    except Failure as error:
        return _end(1, str(error))
    except BrokenPipeError:
        return 1  # Whoever read the output, such as `head`, has enough.
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        return _end(1, f"{place}{error.strerror or error}")
    except MemoryError:
        return _end(1, "the memory is full.")
    except KeyboardInterrupt:
        return _end(130, "stopped.")


def _parser() -> Parser:
    parser = Parser(
        prog="tfp-flows",
        description="Densities of tables by normalizing flows: learn one, score rows, "
        "draw new ones.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--version", action="version", version=f"tfp_flows {tfp_flows.__version__}"
    )
    parser.set_defaults(cache=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (fit, score, sample, plot, info, demo):
        command.add_to(commands)
    return parser


def _run(options: argparse.Namespace) -> int:
    options.check(options)
    with program_cache(options.cache):
        start_tensorflow()
        from tfp_flows.tables import TableError

        work = importlib.import_module(f"tfp_flows.cli.{options.work}")
        try:
            return work.run(options)
        except TableError as error:
            raise Mistake(str(error)) from error


def _end(status: int, message: str) -> int:
    print(f"tfp-flows: {' '.join(message.split())}", file=sys.stderr)
    return status
