"""The frames of an animation of training."""

from typing import TYPE_CHECKING

import numpy as np

from tfp_flows.visualization import _drawing
from tfp_flows.visualization._points import Bounds

if TYPE_CHECKING:
    from PIL.Image import Image

PANEL_SIZE = 3.2
DPI = 80
RESOLUTION = 100


class FramePainter:
    """Draws target and model side by side, again and again on the same canvas.

    The figure is not one of pyplot's: a notebook would show it.

    Args:
        target: the points ``[N, 2]`` of the left panel.
        bounds: the limits of both panels, in all frames.
        density: whether the model is shown by its density rather than by samples.
    """

    def __init__(self, target: np.ndarray, bounds: Bounds, density: bool):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._bounds = bounds
        width, height = _drawing.panel_size(bounds, PANEL_SIZE)
        size = (2.0 * (width + _drawing.SIDE), height + _drawing.ABOVE + 0.3)
        figure = Figure(size, DPI, layout="compressed")
        self._canvas = FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        _drawing.scatter(left, target, _drawing.DATA_COLOR)
        _drawing.style_plane(left, bounds, "data")
        self._model = self._empty_image(right) if density else self._no_points(right)
        _drawing.style_plane(right, bounds, "model")
        self._title = figure.suptitle("loss", fontsize=_drawing.FONT_SIZE + 1)
        # Laid out once: it takes longer than the drawing, and no panel may move.
        self._canvas.draw()
        figure.set_layout_engine("none")

    def paint_samples(self, points: np.ndarray, title: str) -> "Image":
        """A frame with these points ``[N, 2]``, as a PIL image."""
        self._model.set_offsets(points)
        return self._frame(title)

    def paint_density(self, values: np.ndarray, title: str) -> "Image":
        """A frame with this density on the grid, as a PIL image."""
        self._model.set_data(values)
        self._model.set_clim(0.0, _drawing.highest_of(values))
        return self._frame(title)

    def _no_points(self, axes):
        return _drawing.scatter(axes, np.empty([0, 2]), _drawing.MODEL_COLOR)

    def _empty_image(self, axes):
        empty = np.zeros([RESOLUTION, RESOLUTION])
        return _drawing.heat_map(axes, empty, self._bounds)

    def _frame(self, title: str):
        from PIL import Image

        self._title.set_text(title)
        self._canvas.draw()
        pixels = np.asarray(self._canvas.buffer_rgba())[..., :3]
        # 256 colors are all that a GIF can hold, at a third of the memory.
        return Image.fromarray(pixels).quantize(256)
