"""The messages of a command when something is wrong."""

import sys
from collections.abc import Sequence

from tfp_flows.cli.files import STANDARD_OUTPUT, write


class Mistake(Exception):
    """A user's mistake, in one sentence for the user: the exit status is 2."""


class Failure(Exception):
    """A failure without a mistake of the user: the exit status is 1."""


def note(text: str) -> None:
    """Says on standard error what the user may want to know."""
    print(f"tfp-flows: {text}", file=sys.stderr)


def note_compiling() -> None:
    """Says why nothing is seen to happen before the first batch."""
    note("compiling: from seconds to minutes, less if it is in the cache …")


def report(lines: Sequence[str]) -> None:
    """Prints lines on standard output, with names of files that are no text, too."""
    text = "".join(f"{line}\n" for line in lines)
    write(STANDARD_OUTPUT, text.encode(errors="surrogateescape"))


def count(number: int, what: str) -> str:
    """A number of things, in words.

    >>> count(1, "row"), count(1599, "row")
    ('1 row', '1,599 rows')
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names on one line, not more than ``most`` of them.

    >>> listed(["age", "dose", "sex"], most=2)
    'age, dose and 1 more'
    """
    # Not before: pandas, which reads tables, takes half a second.
    from tfp_flows.tables import shortened

    more = len(names) - most
    shown = ", ".join(map(shortened, names[:most]))
    return f"{shown} and {more:,} more" if more > 0 else shown
