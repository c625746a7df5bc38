"""A density beside the data it was learnt from."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from tensorflow_probability import distributions as tfd

from tfp_flows.random_state import Seed
from tfp_flows.visualization import _drawing, _points
from tfp_flows.visualization._drawing import PathLike
from tfp_flows.visualization._points import Bounds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In inches: the longer side of a panel, and the room for the color bar.
PANEL_SIZE = 3.0
COLOR_BAR = 0.7

# From this many points on, dots hide each other and the data become a histogram.
HISTOGRAM_FROM = 10_000
HISTOGRAM_BINS = 80


def plot_density(
    distribution: tfd.Distribution,
    *,
    data: ArrayLike | None = None,
    bounds: Bounds | None = None,
    resolution: int = 200,
    seed: Seed = 0,
    path: PathLike | None = None,
) -> "Figure":
    r"""The density of a model as a heat map, and the data beside it.

    Data of 10,000 points or more are shown as a histogram in the colors of the model's
    density, fewer as dots.

    Args:
        distribution: a ``tfd.Distribution`` of event shape ``[2]``.
        data: points of shape ``[N, 2]``, if there are any.
        bounds: ``((x_min, x_max), (y_min, y_max))``. By default those of the data;
            without data, the attribute ``bounds`` of the distribution; without that,
            those of samples.
        resolution: the number of points on each axis of the grid.
        seed: of any kind, for the samples that bounds may be taken from.
        path: where to save the figure (PNG at 150 dpi), if anywhere.

    Returns:
        The matplotlib figure.

    Raises:
        TypeError: if ``distribution`` is no ``tfd.Distribution``.
        ValueError: if it is not two-dimensional, ``data`` is not a finite array
            ``[N, 2]``, or ``bounds`` are not increasing.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import tensorflow_probability as tfp
    >>> normal = tfp.distributions.MultivariateNormalDiag([0.0, 0.0], [1.0, 2.0])
    >>> figure = plot_density(normal, data=normal.sample(100), resolution=20)
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['model', 'data']
    """
    _points.check_planar(distribution, "distribution")
    data = None if data is None else _points.as_points(data, "data")
    if bounds is None:
        bounds = _natural_bounds(distribution, data, seed)
    bounds = _points.as_bounds(bounds)
    values = _points.density_on_grid(distribution, bounds, resolution)
    count = 1 if data is None else 2
    figure, panels = _drawing.new_panels(count, count, bounds, PANEL_SIZE)
    image = _drawing.heat_map(panels[0], values, bounds)
    _drawing.style_plane(panels[0], bounds, "model")
    if data is not None:
        _draw_data(panels[1], data, bounds, _drawing.highest_of(values))
        _drawing.style_plane(panels[1], bounds, "data")
    figure.set_figwidth(figure.get_figwidth() + COLOR_BAR)
    bar = figure.colorbar(image, ax=panels, aspect=25, pad=0.02)
    bar.set_label("density (1 / area)", fontsize=_drawing.FONT_SIZE)
    bar.outline.set_linewidth(0.5)
    _drawing.thin(bar.ax)
    return _drawing.finish(figure, path)


def _natural_bounds(distribution, data, seed):
    if data is not None:
        return _points.bounds_of(data)
    if hasattr(distribution, "bounds"):
        return distribution.bounds
    samples = _points.draw_samples(distribution, 2000, seed)
    return _points.bounds_of(_points.as_points(samples, "The samples"))


def _draw_data(axes, data, bounds, highest):
    if len(data) < HISTOGRAM_FROM:
        _drawing.scatter(axes, data, _drawing.DATA_COLOR)
        return
    counts, *_ = np.histogram2d(*data.T, bins=HISTOGRAM_BINS, range=bounds)
    area = np.prod([(high - low) / HISTOGRAM_BINS for low, high in bounds])
    _drawing.heat_map(axes, counts.T / (len(data) * area), bounds, highest)
