"""Histograms of a model's samples and of the data, column by column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.visualization import _drawing, _tables
from tfp_flows.visualization._drawing import PathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 24
COLUMNS = 4
NUM_BINS = 40
# In inches.
PANEL_SIZE = (2.0, 1.3)


def plot_marginals(
    samples: ArrayLike,
    data: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    path: PathLike | None = None,
) -> "Figure":
    r"""A histogram for each column: the data, and a line for the samples of the model.

    Values far out, at most four in a thousand of the data, are beyond the panels. Of
    more than 24 columns the first 24 are shown.

    Args:
        samples: points of the model, shape ``[M, D]``. Of a conditional model, one for
            each context of the data.
        data: points of shape ``[N, D]``.
        names: of the columns; their numbers if not given.
        path: where to save the figure (PNG at 150 dpi), if anywhere.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: if samples or data are not finite arrays of D columns, or the number
            of names is wrong.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> rows = np.random.default_rng(0).normal(size=(200, 2))
    >>> figure = plot_marginals(rows[:100], rows[100:], names=["age", "dose"])
    >>> [axes.get_title() for axes in figure.axes]
    ['age', 'dose']
    """
    data = _tables.as_table(data, "data")
    samples = _tables.as_table(samples, "samples", data.shape[1])
    names = _tables.as_names(names, data.shape[1], "column ")
    shown = min(data.shape[1], MOST_PANELS)
    bounds = tuple((0.0, side) for side in PANEL_SIZE)
    figure, panels = _drawing.new_panels(
        shown, min(shown, COLUMNS), bounds, PANEL_SIZE[0]
    )
    for i, axes in enumerate(panels):
        limits = _tables.limits_of(data[:, i])
        draw_marginal(axes, samples[:, i], data[:, i], limits)
        axes.set_title(names[i], fontsize=_drawing.FONT_SIZE)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=_drawing.FONT_SIZE,
    )
    if shown < data.shape[1]:
        _tables.add_title(figure, f"the first {shown} of {data.shape[1]} columns")
    return _drawing.finish(figure, path)


def draw_marginal(
    axes: "Axes", samples: ArrayLike, data: ArrayLike, limits: tuple[float, float]
) -> None:
    """Draw two histograms, each of all its numbers, so that areas can be compared."""
    from matplotlib.ticker import MaxNLocator

    edges = np.linspace(*limits, NUM_BINS + 1)
    width = edges[1] - edges[0]
    heights = [np.histogram(x, edges)[0] / (len(x) * width) for x in (data, samples)]
    axes.stairs(heights[0], edges, fill=True, color="0.75", label="data")
    axes.stairs(heights[1], edges, color=_drawing.MODEL_COLOR, lw=1.2, label="model")
    axes.set_xlim(*limits)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=_drawing.TICK_STEPS))
    axes.spines[["top", "right", "left"]].set_visible(False)
    _tables.thin(axes)
