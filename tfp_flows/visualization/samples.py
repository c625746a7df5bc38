"""Samples of a model beside the data it was learnt from."""

from typing import TYPE_CHECKING

import tensorflow_probability as tfp
from numpy.typing import ArrayLike

from tfp_flows.random_state import Seed
from tfp_flows.visualization import _drawing, _points
from tfp_flows.visualization._drawing import PathLike
from tfp_flows.visualization._points import Bounds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL_SIZE = 3.0


def plot_samples(
    samples: ArrayLike,
    *,
    data: ArrayLike | None = None,
    num_samples: int = 2000,
    bounds: Bounds | None = None,
    seed: Seed = 0,
    path: PathLike | None = None,
) -> "Figure":
    r"""Samples of a model, and the data beside and behind them.

    With data there are two panels: the data, and the samples over the data in pale
    gray, where what the model misses or invents can be seen.

    Args:
        samples: a ``tfd.Distribution`` of event shape ``[2]``, or points of shape
            ``[N, 2]``.
        data: points of shape ``[M, 2]``, if there are any.
        num_samples: how many samples to draw of a distribution, and how many points to
            show of samples or data that are more.
        bounds: ``((x_min, x_max), (y_min, y_max))``. By default those of the data, or
            of the samples if there are no data.
        seed: of any kind. The same seed gives the same picture.
        path: where to save the figure (PNG at 150 dpi), if anywhere.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: if the distribution is not two-dimensional, samples or data are not
            finite arrays ``[N, 2]``, or ``bounds`` are not increasing.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import tensorflow_probability as tfp
    >>> normal = tfp.distributions.MultivariateNormalDiag([0.0, 0.0], [1.0, 2.0])
    >>> figure = plot_samples(normal, data=normal.sample(100), num_samples=50)
    >>> [axes.get_title() for axes in figure.axes]
    ['data', 'samples']
    """
    samples = _drawn(samples, num_samples, seed)
    data = None if data is None else _points.as_points(data, "data")
    if bounds is None:
        bounds = _points.bounds_of(samples if data is None else data)
    bounds = _points.as_bounds(bounds)
    samples = _points.at_most(samples, num_samples, seed)
    count = 1 if data is None else 2
    figure, panels = _drawing.new_panels(count, count, bounds, PANEL_SIZE)
    if data is not None:
        data = _points.at_most(data, num_samples, seed)
        _drawing.scatter(panels[0], data, _drawing.DATA_COLOR)
        _drawing.style_plane(panels[0], bounds, "data")
        _drawing.scatter(panels[1], data, _drawing.PALE_COLOR)
    _drawing.scatter(panels[-1], samples, _drawing.MODEL_COLOR)
    _drawing.style_plane(panels[-1], bounds, "samples")
    return _drawing.finish(figure, path)


def _drawn(samples, num_samples, seed):
    if isinstance(samples, tfp.distributions.Distribution):
        _points.check_planar(samples, "samples")
        samples = _points.draw_samples(samples, num_samples, seed)
    return _points.as_points(samples, "samples")
