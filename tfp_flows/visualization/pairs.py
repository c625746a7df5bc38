"""Dots of a model's samples and of the data, for each two columns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.random_state import Seed
from tfp_flows.visualization import _drawing, _points, _tables
from tfp_flows.visualization._drawing import PathLike
from tfp_flows.visualization.marginals import draw_marginal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COLUMNS = 6
MOST_POINTS = 1000
PANEL_SIZE = 1.5


def plot_pairs(
    samples: ArrayLike,
    data: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    seed: Seed = 0,
    path: PathLike | None = None,
) -> "Figure":
    r"""Dots for each two columns: the data below the diagonal, the model above.

    A panel above the diagonal shows the same two columns as its mirror image below, and
    with the same limits. On the diagonal are the histograms of `plot_marginals`. Of
    more than 6 columns the first 6 are shown, of more than 1000 points 1000.

    Args:
        samples: points of the model, shape ``[M, D]``, D at least 2. Of a conditional
            model, one for each context of the data.
        data: points of shape ``[N, D]``.
        names: of the columns; their numbers if not given.
        seed: of any kind, for the choice of points.
        path: where to save the figure (PNG at 150 dpi), if anywhere.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: if samples or data are not finite arrays of D columns, D is 1, or
            the number of names is wrong.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> rows = np.random.default_rng(0).normal(size=(200, 3))
    >>> figure = plot_pairs(rows[:100], rows[100:])
    >>> len(figure.axes)
    9
    """
    data = _tables.as_table(data, "data")
    size = data.shape[1]
    samples = _tables.as_table(samples, "samples", size)
    if size < 2:
        raise ValueError("A pair plot needs 2 columns or more, but there is 1.")
    names = _tables.as_names(names, size, "column ")
    shown = min(size, MOST_COLUMNS)
    limits = [_tables.limits_of(data[:, i]) for i in range(shown)]
    figure, grid = _new_grid(shown)
    # Each column beside the same rows of the others.
    dots = {
        "data": _points.at_most(data, MOST_POINTS, seed),
        "model": _points.at_most(samples, MOST_POINTS, seed),
    }
    for row, column in np.ndindex(shown, shown):
        axes = grid[row, column]
        if row == column:
            draw_marginal(axes, samples[:, row], data[:, row], limits[row])
        else:
            kind = "data" if row > column else "model"
            _draw_pair(axes, dots[kind][:, [column, row]], kind)
            axes.set_xlim(*limits[column])
            axes.set_ylim(*limits[row])
        _label(axes, row, column, names, shown)
    _title(figure, shown, size)
    return _drawing.finish(figure, path)


def _new_grid(shown):
    import matplotlib.pyplot as plt

    side = shown * PANEL_SIZE
    figure, grid = plt.subplots(
        shown,
        shown,
        figsize=(side + 0.4, side + 0.5),
        squeeze=False,
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    return figure, grid


def _draw_pair(axes, points, kind):
    color = _drawing.DATA_COLOR if kind == "data" else _drawing.MODEL_COLOR
    _drawing.scatter(axes, points, color, alpha=0.4)


def _label(axes, row, column, names, shown):
    from matplotlib.ticker import MaxNLocator

    _tables.thin(axes)
    axes.xaxis.set_major_locator(MaxNLocator(3, steps=_drawing.TICK_STEPS))
    axes.tick_params(labelbottom=row == shown - 1, labelleft=False)
    if row != column:
        axes.yaxis.set_major_locator(MaxNLocator(3, steps=_drawing.TICK_STEPS))
        axes.tick_params(labelleft=column == 0)
    if row == shown - 1:
        axes.set_xlabel(names[column], fontsize=_drawing.FONT_SIZE - 1)
    if column == 0:
        axes.set_ylabel(names[row], fontsize=_drawing.FONT_SIZE - 1)


def _title(figure, shown, size):
    title = "below the diagonal: data (gray) · above: model (orange)"
    if shown < size:
        title += f" · the first {shown} of {size} columns"
    _tables.add_title(figure, title)
