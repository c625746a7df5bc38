"""A check that the base-space coordinates of data are what the base says."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.visualization import _drawing, _tables
from tfp_flows.visualization._drawing import PathLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PANELS = 24
COLUMNS = 4
# Few points need wide bars, or all of them are noise.
MOST_BINS, POINTS_IN_A_BAR = 20, 20
# In inches.
PANEL_SIZE = (2.0, 1.3)


def plot_calibration(
    coordinates: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    path: PathLike | None = None,
) -> "Figure":
    r"""A histogram for each coordinate: Φ(z) of the data, which is to be flat.

    Under the right density, data sent to a standard normal base are standard normal,
    and Φ of each coordinate is uniform. A dip in the middle says that the model is too
    narrow there, a hump that it is too wide, a slope that it is shifted. Nineteen in
    twenty bars of a perfect model lie in the gray band. Take data that were not for
    training.

    Args:
        coordinates: of the base, shape ``[N, D]``: ``flow.bijector.inverse(data)``. Of
            more than 24 the first 24 are shown.
        names: of the coordinates; their numbers if not given.
        path: where to save the figure (PNG at 150 dpi), if anywhere.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: if the coordinates are not a finite array ``[N, D]``, or the number
            of names is wrong.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> z = np.random.default_rng(0).normal(size=(500, 2))
    >>> figure = plot_calibration(z)
    >>> [axes.get_title() for axes in figure.axes]
    ['z1', 'z2']
    """
    z = _tables.as_table(coordinates, "coordinates")
    names = _tables.as_names(names, z.shape[1], "z")
    shown = min(z.shape[1], MOST_PANELS)
    bounds = tuple((0.0, side) for side in PANEL_SIZE)
    figure, panels = _drawing.new_panels(
        shown, min(shown, COLUMNS), bounds, PANEL_SIZE[0]
    )
    for i, axes in enumerate(panels):
        _draw_uniform(axes, _normal_cdf(z[:, i]))
        axes.set_title(names[i], fontsize=_drawing.FONT_SIZE)
    title = "Φ of the base-space coordinates: flat if calibrated"
    if shown < z.shape[1]:
        title += f" · the first {shown} of {z.shape[1]}"
    _tables.add_title(figure, title)
    return _drawing.finish(figure, path)


def _normal_cdf(z):
    return 0.5 * (1.0 + tf.math.erf(z / math.sqrt(2.0)).numpy())


def _draw_uniform(axes, u):
    num_bins = min(MOST_BINS, max(4, len(u) // POINTS_IN_A_BAR))
    heights = np.histogram(u, num_bins, (0.0, 1.0))[0] * num_bins / len(u)
    # The count in a bar is binomial.
    deviation = 1.96 * math.sqrt((num_bins - 1) / len(u))
    axes.axhspan(max(1.0 - deviation, 0.0), 1.0 + deviation, color="0.88", lw=0)
    axes.axhline(1.0, color="0.4", lw=0.8)
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    axes.stairs(heights, edges, baseline=None, color=_drawing.MODEL_COLOR, lw=1.2)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, max(2.0, 1.1 * heights.max(), 1.1 * (1.0 + deviation)))
    axes.set_xticks([0.0, 0.5, 1.0])
    axes.set_yticks([0.0, 1.0])
    axes.spines[["top", "right"]].set_visible(False)
    _drawing.thin(axes)
