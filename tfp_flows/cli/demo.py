"""A flow that is trained and drawn in a minute, without a table."""

import argparse
from pathlib import Path

from tfp_flows.cli.arguments import add_cache, positive, whole_number
from tfp_flows.cli.files import require_folder


def add_to(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser's."""
    parser = commands.add_parser(
        "demo",
        help="train a RealNVP on two moons and draw it, without a table",
        description=(
            "Trains a RealNVP on two moons by Keras fit, prints the test NLL beside "
            "the true entropy, and draws the flow."
        ),
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo_output"),
        help="folder for the pictures (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs", type=positive, default=30, help="default: %(default)s"
    )
    parser.add_argument(
        "--seed", type=whole_number, default=0, help="default: %(default)s"
    )
    add_cache(parser)
    parser.set_defaults(check=check, work="demonstrating")


def check(options: argparse.Namespace) -> None:
    """Raises what can be found without TensorFlow."""
    require_folder(options.out)
