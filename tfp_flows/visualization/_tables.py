"""Checks, names and limits, shared by the pictures of tables."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.visualization import _drawing, _points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A longer name would run into the next panel.
LONGEST_NAME = 24

# Of the font of titles.
LETTERS_PER_INCH = 14


def as_table(x: ArrayLike, what: str, num_columns: int | None = None) -> np.ndarray:
    """``x`` as an array ``[N, D]`` of finite numbers; ValueError otherwise."""
    x = np.asarray(x)
    if x.ndim != 2 or not x.size or num_columns not in (None, x.shape[1]):
        expected = "D" if num_columns is None else num_columns
        raise ValueError(
            f"{what} must have shape [N, {expected}], but got {list(x.shape)}."
        )
    bad = np.count_nonzero(~np.isfinite(x).all(axis=1))
    if bad:
        raise ValueError(f"{what}: {bad} of {len(x)} rows are not finite.")
    return x


def as_names(names: Sequence[str] | None, num_columns: int, default: str) -> list[str]:
    """A name for each column, fit for a small panel."""
    if names is None:
        names = [f"{default}{i + 1}" for i in range(num_columns)]
    if len(names) != num_columns:
        raise ValueError(f"There are {num_columns} columns but {len(names)} names.")
    # A dollar sign begins a formula.
    return [_short(str(name)).replace("$", r"\$") for name in names]


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def limits_of(column: np.ndarray) -> tuple[float, float]:
    """Limits that hold nearly all numbers, with some space around them."""
    ((low, high),) = _points.bounds_of(column[:, None])
    return low, high


def add_title(figure: "Figure", title: str) -> None:
    """A title over all panels, in as many lines as the figure's width needs."""
    width = int(LETTERS_PER_INCH * figure.get_figwidth())
    figure.suptitle(textwrap.fill(title, width), fontsize=_drawing.FONT_SIZE)


def thin(axes: "Axes") -> None:
    """Do as `_drawing.thin`; make the factor of large numbers, as 1e6, small, too."""
    _drawing.thin(axes)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set_size(_drawing.FONT_SIZE - 2)
