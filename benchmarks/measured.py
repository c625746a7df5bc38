"""How long to measure, and what was measured."""

import statistics
from dataclasses import dataclass, field
from typing import NamedTuple

# What takes much longer than a turn is still measured so often.
_MIN_TURNS = 3


class Effort(NamedTuple):
    """How long to measure: so many turns of about so many seconds.

    What takes longer than a turn gets fewer turns.
    """

    turns: int
    seconds: float

    def plan(self, seconds: float) -> tuple[int, int]:
        """Turns, and calls a turn, for an operation that takes ``seconds``."""
        repeats = min(max(round(self.seconds / seconds), 1), 200)
        turns = round(self.turns * self.seconds / (seconds * repeats))
        return min(max(turns, _MIN_TURNS), self.turns), repeats


@dataclass
class Measured:
    """What was measured of one framework on one case. Times are in seconds.

    Args:
        num_parameters: trainable ones; 0 if the flow could not be made.
        build_seconds: of making the flow.
        first: the first call of each operation, with its compilation.
        turns: for each operation the median of each turn.
        idle_memory: bytes, the largest after the import.
        peak_memory: bytes, the largest in all.
        round_trip: the largest change of a point sent to the base and back.
        failures: what went wrong.
    """

    num_parameters: int = 0
    build_seconds: float = 0.0
    first: dict[str, float] = field(default_factory=dict)
    turns: dict[str, list[float]] = field(default_factory=dict)
    idle_memory: int = 0
    peak_memory: int = 0
    round_trip: float | None = None
    failures: list[str] = field(default_factory=list)

    def seconds(self, operation: str) -> float | None:
        """The median of the turns; ``None`` if it was not measured."""
        turns = self.turns.get(operation)
        return statistics.median(turns) if turns else None
