"""Axes, colors, dots and heat maps, shared by the pictures."""

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_flows.visualization._points import Bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PathLike = str | os.PathLike[str]

DATA_COLOR = "0.35"
PALE_COLOR = "0.85"
MODEL_COLOR = "#c8501e"
DENSITY_MAP = "viridis"
FONT_SIZE = 9


# Inches around a panel, for its numbers and its title.
SIDE, ABOVE = 0.4, 0.5

# Of the numbers that a distance between ticks may begin with.
TICK_STEPS = (1, 2, 5, 10)


def new_panels(
    count: int, columns: int, bounds: Bounds, longest: float
) -> tuple["Figure", list["Axes"]]:
    """A figure and ``count`` axes, ``columns`` in a row, in the shape of ``bounds``."""
    import matplotlib.pyplot as plt

    rows = math.ceil(count / columns)
    width, height = panel_size(bounds, longest)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(columns * (width + SIDE), rows * (height + ABOVE)),
        squeeze=False,
        layout="compressed",
    )
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.08)
    axes = axes.reshape(-1)
    for unused in axes[count:]:
        unused.remove()
    return figure, list(axes[:count])


def panel_size(bounds: Bounds, longest: float) -> tuple[float, float]:
    """Width and height in inches in the shape of ``bounds``, within reason."""
    sides = np.array([high - low for low, high in bounds])
    width, height = longest * np.maximum(sides / sides.max(), 0.4)
    return float(width), float(height)


def style_plane(axes: "Axes", bounds: Bounds, title: str) -> None:
    """A plane with equal units on both axes, little ink, and a title."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(*bounds[0])
    axes.set_ylim(*bounds[1])
    axes.set_aspect("equal")
    axes.set_title(title, fontsize=FONT_SIZE)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=TICK_STEPS))
    thin(axes)


def thin(axes: "Axes") -> None:
    """Thin lines around the axes and small numbers along them."""
    axes.tick_params(labelsize=FONT_SIZE - 2, width=0.5, length=2.5)
    for spine in axes.spines.values():
        spine.set_linewidth(0.5)


def scatter(axes: "Axes", points: np.ndarray, color: Any, alpha: float = 0.6) -> Any:
    """Small dots without edges."""
    return axes.scatter(*points.T, s=4, c=color, alpha=alpha, linewidths=0)


def heat_map(
    axes: "Axes", density: np.ndarray, bounds: Bounds, highest: float | None = None
) -> Any:
    """A density as colors, from 0 to its highest value."""
    return axes.imshow(
        density,
        origin="lower",
        extent=(*bounds[0], *bounds[1]),
        cmap=DENSITY_MAP,
        vmin=0.0,
        vmax=highest_of(density) if highest is None else highest,
        interpolation="nearest",
    )


def highest_of(density: np.ndarray) -> float:
    """The largest finite value, or 1 where there is none above 0."""
    finite = density[np.isfinite(density)]
    highest = float(finite.max()) if finite.size else 0.0
    return highest if highest > 0.0 else 1.0


def finish(figure: "Figure", path: PathLike | None) -> "Figure":
    """Saves the figure if there is a path (folders are made), and returns it."""
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    return figure
