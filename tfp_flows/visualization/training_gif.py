"""An animation of a flow that learns."""

from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.random_state import Seed
from tfp_flows.visualization import _frames, _points
from tfp_flows.visualization._drawing import PathLike

if TYPE_CHECKING:
    from PIL.Image import Image

# The last frame stays, in milliseconds, before the animation starts again.
LAST_FRAME = 2000


class TrainingGIF(keras.callbacks.Callback):
    r"""A Keras callback that films training: the data beside what the model makes.

    There is a frame before training, one after each ``every``-th epoch and one at the
    end, all with the same axes; its title says the epoch and the loss. Samples come
    from the same base samples in each frame, so that they move smoothly. The file
    appears when training ends, also when it is stopped early. When training is ended by
    an exception (Ctrl-C), Keras tells no callback: call ``save()`` then. A second
    ``fit`` starts a new film.

    The model must have an attribute ``distribution``, a ``tfd.Distribution`` of event
    shape ``[2]``, as `FlowModel` has.

    Args:
        path: the file to write. Missing folders are made.
        data: points of shape ``[N, 2]``.
        every: the number of epochs from frame to frame.
        num_samples: the number of points of the model, and at most of the data.
        density: show the density of the model (``log_prob`` on a grid) instead of
            samples of it: for a flow that is slow to sample.
        max_frames: when there would be more frames, every second one is dropped and
            ``every`` is doubled.
        fps: frames a second.
        seed: of any kind, for the samples.

    Raises:
        TypeError: when training starts, if the model has no ``distribution``.
        ValueError: if ``data`` is not a finite array ``[N, 2]``, a number is too small,
            or, when training starts, if the distribution is not two-dimensional.

    >>> import numpy as np
    >>> gif = TrainingGIF("film.gif", np.eye(2), every=5)
    >>> # model.fit(x, epochs=100, callbacks=[gif])
    """

    def __init__(
        self,
        path: PathLike,
        data: ArrayLike,
        *,
        every: int = 1,
        num_samples: int = 1000,
        density: bool = False,
        max_frames: int = 100,
        fps: int = 10,
        seed: Seed = 0,
    ):
        super().__init__()
        _at_least(1, every=every, num_samples=num_samples, fps=fps)
        _at_least(3, max_frames=max_frames)
        data = _points.as_points(data, "data of TrainingGIF")
        self.path = Path(path)
        self._bounds = _points.bounds_of(data)
        self._target = _points.at_most(data, num_samples, seed)
        self._every, self._num_samples, self._density = every, num_samples, density
        self._max_frames, self._fps, self._seed = max_frames, fps, seed
        self._frames: list[Image] = []
        self._undrawn: str | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Draws the model before training."""
        distribution = getattr(self.model, "distribution", None)
        _points.check_planar(distribution, "distribution of the model of TrainingGIF")
        self._painter = _frames.FramePainter(self._target, self._bounds, self._density)
        self._stride, self._undrawn = self._every, None
        self._frames = [self._paint("before training")]

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Draws the model, if a frame is due after this epoch."""
        title = f"epoch {epoch + 1}"
        if logs and "loss" in logs:
            title += f" · loss {float(logs['loss']):.3f} nats"
        self._undrawn = title
        if (epoch + 1) % self._stride == 0:
            self._add(title)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Draws the last epoch, if it has not been, and writes the file."""
        if self._undrawn is not None:
            self._add(self._undrawn)
        self.save()

    def save(self) -> None:
        """Writes the frames drawn so far: all of the file, or nothing.

        Raises:
            RuntimeError: if training has not started.
        """
        if not self._frames:
            raise RuntimeError("TrainingGIF has no frame yet: it is drawn by fit.")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(f".{self.path.name}.unfinished")
        first, *later = self._frames
        times = [round(1000 / self._fps)] * len(later) + [LAST_FRAME]
        try:
            first.save(
                unfinished,
                format="GIF",
                save_all=True,
                append_images=later,
                duration=times,
                loop=0,
            )
            unfinished.replace(self.path)
        finally:
            unfinished.unlink(missing_ok=True)

    def _add(self, title):
        if len(self._frames) == self._max_frames:
            self._frames = self._frames[::2]
            self._stride *= 2
        self._frames.append(self._paint(title))
        self._undrawn = None

    def _paint(self, title):
        distribution = self.model.distribution
        if self._density:
            values = _points.density_on_grid(
                distribution, self._bounds, _frames.RESOLUTION
            )
            return self._painter.paint_density(values, title)
        points = _points.draw_samples(distribution, self._num_samples, self._seed)
        # A model that diverges is to be seen, not to end training.
        points = points[np.all(np.isfinite(points), axis=-1)]
        return self._painter.paint_samples(points, title)


def _at_least(minimum, **numbers):
    for name, number in numbers.items():
        if number < minimum:
            raise ValueError(
                f"{name} of TrainingGIF must be at least {minimum}, but got {number}."
            )
