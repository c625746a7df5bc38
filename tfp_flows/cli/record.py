"""The record, in a model file, of the table that its model was trained on."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

import tfp_flows
from tfp_flows.cli.messages import count, listed
from tfp_flows.tables import Table, column_label

FORMAT = 1


@dataclass(frozen=True)
class Origin:
    """The columns of a table.

    Args:
        positions: of the columns, counted from 0.
        headers: their names, or ``None`` if the table had none.
        width: how many columns the table had.
    """

    positions: list[int]
    headers: list[str] | None
    width: int

    def __post_init__(self):
        if not all(0 <= position < self.width for position in self.positions) or (
            self.headers and len(self.headers) != len(self.positions)
        ):
            raise ValueError("its columns do not fit its table")

    @classmethod
    def of(cls, table: Table, positions: Sequence[int]) -> "Origin":
        """Describe these columns of a table."""
        headers = [table.headers[p] for p in positions] if table.headers else None
        return cls(list(positions), headers, table.width)

    def beside(self, other: "Origin") -> "Origin":
        """These columns and others of the same table."""
        headers = None
        if self.headers and other.headers:
            headers = [*self.headers, *other.headers]
        return Origin([*self.positions, *other.positions], headers, self.width)

    def words(self) -> str:
        """Say how many columns there are, and which."""
        number = count(len(self.positions), "column")
        return f"{number}: {listed(self.labels)}" if self.headers else number

    @property
    def labels(self) -> list[str]:
        """The names that people use for the columns."""
        names = self.headers or [""] * len(self.positions)
        return [
            name or column_label(position, None)
            for name, position in zip(names, self.positions, strict=True)
        ]


@dataclass(frozen=True)
class Record:
    """The training of a model.

    Args:
        columns: that it describes.
        context: that it is given, or ``None``.
        context_apart: whether the context came from a table of its own.
        table: the name of the file.
        flow: its name.
        noise: that was added, in deviations of each column.
        seed: of weights, noise, and the order of rows.
        rows: how many rows were for training.
        held_out: how many were held out.
        best_epoch: whose weights these are, counted from 1.
        nll: the mean of the rows held out, in nats.
        gaussian_nll: the same of the Gaussian with the moments of the training rows,
            or ``None`` if there is none.
        history: as Keras gives it.
        version: of tfp_flows.
    """

    columns: Origin
    context: Origin | None
    context_apart: bool
    table: str
    flow: str
    noise: float | None
    seed: int
    rows: int
    held_out: int
    best_epoch: int
    nll: float
    gaussian_nll: float | None
    history: dict[str, list[float]]
    version: str = tfp_flows.__version__

    def report(self) -> list[str]:
        """The lines that sum it up."""
        lines = [
            f"{self.table}: {count(self.rows, 'row')} for training, "
            f"{self.held_out:,} held out",
            f"density of {self.columns.words()}",
        ]
        if self.context:
            lines.append(f"given {self.context.words()}")
        if self.noise:
            lines.append(f"with noise of {self.noise:g} standard deviations")
        epochs = len(self.history["loss"])
        lines.append(
            f"flow: {self.flow}, best after epoch {self.best_epoch} of {epochs}"
        )
        nll = f"NLL of the rows held out: {self.nll:.3f} nats"
        if self.gaussian_nll is not None:
            nll += f" (a Gaussian's: {self.gaussian_nll:.3f})"
        return [*lines, nll]

    def to_json(self) -> str:
        """Write the record for the model file."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Record":
        """Read what `to_json` gave.

        Raises:
            ValueError: something else, or of another version.
        """
        fields = json.loads(text)
        number = fields.pop("format", None) if isinstance(fields, dict) else None
        if number != FORMAT:
            raise ValueError(
                f"its record of the table has the format {number}, and this version of "
                f"tfp_flows reads format {FORMAT}"
            )
        try:
            origins = {
                name: fields[name] and Origin(**fields[name])
                for name in ("columns", "context")
            }
            record = cls(**(fields | origins))
            record.report()  # Which reads all of it that is not read at once.
            return record
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"its record of the table was changed ({error})"
            ) from error
