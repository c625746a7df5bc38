"""The options that commands have in common."""

import argparse
import math
import textwrap
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, without the usage."""

    def __init__(self, *, description: str, **options: Any):
        # Raw, for the examples at the end; which leaves the description as it is, too.
        super().__init__(
            description=textwrap.fill(description, 79),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )

    def error(self, message: str) -> NoReturn:
        """Ends the command with status 2."""
        self.exit(2, f"tfp-flows: {message} (see {self.prog} --help)\n")


def wrapped(text: str, indent: int) -> str:
    """Text in lines that fit a terminal, all but the first one indented."""
    return textwrap.fill(text, 79, subsequent_indent=" " * indent)


def positive(text: str) -> int:
    """An integer of 1 or more."""
    number = _as(int, text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, but got {number}")
    return number


def whole_number(text: str) -> int:
    """An integer of any size, a seed."""
    return _as(int, text)


def positive_number(text: str) -> float:
    """A finite number above 0."""
    number = _as(float, text)
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be above 0 and finite, but got {text}")
    return number


def fraction(text: str) -> float:
    """A number between 0 and 1."""
    number = _as(float, text)
    if not 0.0 < number < 1.0:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, but got {text}")
    return number


def sizes(text: str) -> list[int]:
    """Integers of 1 or more with commas between them."""
    try:
        return [positive(part) for part in text.split(",")]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"must be whole numbers of 1 or more, such as 64,64, but got {text!r}"
        ) from None


def _as(kind: type, text: str):
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"must be {what}, but got {text!r}") from None


_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " "}


def delimiter(text: str) -> str:
    """A character, or its name."""
    character = _DELIMITERS.get(text, text)
    if len(character) != 1 or character in '"\r\n':
        raise argparse.ArgumentTypeError(
            f"must be a character, or {', '.join(_DELIMITERS)}, but got {text!r}"
        )
    return character


def add_model(parser: argparse.ArgumentParser) -> None:
    """The option of commands that use a model."""
    parser.add_argument(
        "--model", required=True, metavar="FILE", help="a model that fit has written"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """The options of commands that read a table."""
    group = parser.add_argument_group("reading tables")
    group.add_argument(
        "--delimiter",
        type=delimiter,
        help="between columns of text: a character, or tab, comma, semicolon, space "
        "(default: found from the first lines)",
    )
    group.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line has the names of the columns (default: found from "
        "that line)",
    )
    group.add_argument(
        "--skip-bad-rows",
        action="store_true",
        help="leave out rows that are not all finite numbers, and say how many",
    )


def add_columns(parser: argparse.ArgumentParser, columns: str, context: str) -> None:
    """The options of commands that choose columns.

    Args:
        parser: of the command.
        columns: what is taken if ``--columns`` is not given.
        context: the same for ``--context``.
    """
    group = parser.add_argument_group(
        "columns", "Names, numbers from 1, and ranges of numbers: --columns age,3,5-7"
    )
    group.add_argument(
        "--columns",
        metavar="LIST",
        help=f"the columns to describe (default: {columns})",
    )
    group.add_argument(
        "--context",
        metavar="LIST",
        help=f"the columns that the others depend on (default: {context})",
    )
    group.add_argument(
        "--context-file",
        metavar="FILE",
        help="a table that has the context, a row for each row of DATA",
    )


def add_cache(parser: argparse.ArgumentParser) -> None:
    """The option of commands that compile."""
    parser.add_argument(
        "--no-cache",
        dest="cache",
        action="store_false",
        help="compile anew, and do not keep what was compiled in the user's cache",
    )
