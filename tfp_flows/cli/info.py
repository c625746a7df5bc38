"""``tfp-flows info``: what is in a model file."""

import argparse

from tfp_flows.cli.files import require_inputs


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
    parser.set_defaults(check=check, work="describing")


def check(options: argparse.Namespace) -> None:
    """Raises what can be found without TensorFlow."""
    require_inputs(options.model)
