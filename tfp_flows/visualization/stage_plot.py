"""A flow, one bijector after another."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.random_state import Seed
from tfp_flows.stages import class_name
from tfp_flows.visualization import _drawing, _points
from tfp_flows.visualization._drawing import PathLike
from tfp_flows.visualization._hues import hues
from tfp_flows.visualization._points import Bounds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COLUMNS = 5
PANEL_SIZE = 1.9


def plot_stages(
    base: tfd.Distribution,
    bijectors: Sequence[tfb.Bijector],
    *,
    num_samples: int = 2000,
    density: bool = False,
    every: int = 1,
    titles: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    resolution: int = 200,
    seed: Seed = 0,
    path: PathLike | None = None,
) -> "Figure":
    r"""Show how the base becomes the data: a panel for it, and one for each bijector.

    The panel after k bijectors shows f_k(… f₁(z)) for samples z of the base, each in
    the color of the direction in which z lay from the middle of the base: a color can
    be followed from panel to panel. Or it shows the density of f_k(… f₁(z)).

    Args:
        base: a ``tfd.Distribution`` of event shape ``[2]``.
        bijectors: a list of bijectors **in the order in which they are applied** to the
            base, the reverse of the list of a ``tfb.Chain``. For a flow:
            ``plot_stages(*stages(flow))``.
        num_samples: the number of points.
        density: draw densities instead of samples. Needs the inverses of the bijectors.
        every: show the base, each ``every``-th stage, and the last.
        titles: a title for each panel, that of the base first. By default the number
            and the class of the bijector.
        bounds: ``((x_min, x_max), (y_min, y_max))``, the limits of all panels. By
            default each has limits of its own, from its samples.
        resolution: the number of points on each axis of the grid for densities.
        seed: of any kind. The same seed gives the same picture.
        path: where to save the figure (PNG at 150 dpi), if anywhere.

    Returns:
        The matplotlib figure.

    Raises:
        TypeError: if ``base`` or an item of ``bijectors`` is of another type.
        ValueError: if ``base`` is not two-dimensional, there is no bijector, a stage
            has samples that are not finite, the number of titles is wrong, ``every`` is
            less than 1, or ``bounds`` are not increasing.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import tensorflow_probability as tfp
    >>> tfb, tfd = tfp.bijectors, tfp.distributions
    >>> figure = plot_stages(
    ...     tfd.Sample(tfd.Normal(0.0, 1.0), [2]),
    ...     [tfb.Scale([3.0, 1.0]), tfb.Shift([0.0, 5.0])], num_samples=50)
    >>> [axes.get_title() for axes in figure.axes]
    ['base', '1 · Scale', '2 · Shift']
    """
    bijectors = _checked(base, bijectors)
    if every < 1:
        raise ValueError(f"every must be at least 1, but got {every}.")
    shown = sorted({*range(0, len(bijectors) + 1, every), len(bijectors)})
    titles = _titles(bijectors, shown) if titles is None else list(titles)
    if len(titles) != len(shown):
        raise ValueError(f"There are {len(shown)} panels but {len(titles)} titles.")
    points = _push_forward(base, bijectors, num_samples, seed)
    colors = _colors(points[0])
    figure, panels = _new_panels(len(shown))
    for axes, title, k in zip(panels, titles, shown, strict=True):
        limits = _points.bounds_of(points[k]) if bounds is None else bounds
        limits = _points.squared(_points.as_bounds(limits))
        if density:
            stage = _stage(base, bijectors[:k])
            values = _points.density_on_grid(stage, limits, resolution)
            # A last sigmoid makes spikes in the corners, which would darken the rest.
            highest = np.nanquantile(values, 0.995)
            _drawing.heat_map(axes, values, limits, highest or None)
        else:
            _drawing.scatter(axes, points[k], colors)
        _drawing.style_plane(axes, limits, title)
    return _drawing.finish(figure, path)


def _new_panels(count):
    rows = math.ceil(count / MOST_COLUMNS)
    square = ((0.0, 1.0), (0.0, 1.0))
    columns = math.ceil(count / rows)
    return _drawing.new_panels(count, columns, square, PANEL_SIZE)


def _checked(base, bijectors):
    _points.check_planar(base, "base")
    if not isinstance(bijectors, list | tuple):
        raise TypeError(
            "bijectors must be a list in the order in which they are applied, but got "
            f"{type(bijectors).__name__}. For a flow: plot_stages(*stages(flow))."
        )
    for bijector in bijectors:
        if not isinstance(bijector, tfb.Bijector):
            raise TypeError(
                f"bijectors must hold tfb.Bijectors, but got {type(bijector).__name__}."
            )
    if not bijectors:
        raise ValueError("bijectors is empty: there is no stage to show.")
    return list(bijectors)


def _push_forward(base, bijectors, num_samples, seed):
    points = [_points.draw_samples(base, num_samples, seed)]
    for bijector in bijectors:
        points.append(bijector.forward(points[-1]).numpy())
    return [
        _points.as_points(x, f"The samples after {k} bijectors")
        for k, x in enumerate(points)
    ]


def _stage(base, bijectors):
    if not bijectors:
        return base
    return tfd.TransformedDistribution(base, tfb.Chain(bijectors[::-1]))


def _colors(points):
    x, y = (points - np.median(points, axis=0)).T
    return hues(np.arctan2(y, x))


def _titles(bijectors, shown):
    return ["base", *(f"{k} · {class_name(bijectors[k - 1])}" for k in shown[1:])]
