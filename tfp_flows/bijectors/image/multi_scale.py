"""The multi-scale architecture."""

import functools
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.base import Bijector
from tfp_flows.bijectors.evaluation import forward_and_log_det, inverse_and_log_det
from tfp_flows.bijectors.image.levels import common_dtype, level_shapes
from tfp_flows.checks import checked_image_shape
from tfp_flows.data_paths import DataPath, path_through
from tfp_flows.stages import Part, in_order


class MultiScale(Bijector):
    """Map a vector to an image through levels, each of which adds half of the numbers.

    Inverse (image → vector): the first level's bijector is applied to the image; the
    second half of the channels that it gives is done, and the first half goes on to the
    next level; after the last level both are done. The vector has the numbers of the
    last level first and those of the first level last, pixel by pixel.

    Forward (vector → image): the same backwards.

    Log-determinant: the sum of the levels'.

    Cost: that of the levels; at each there are half as many numbers as before.

    The base stays a plain distribution of vectors. A base that knows of the halves (in
    Glow the half that is done is normal with a mean and a scale that depend on the
    other half) is a `Coupling` by a `channel_mask`, the last bijector of a level.

    Args:
        levels: bijectors, the one nearest to the image first, whose ``forward`` gives
            an image ``[H, W, C]`` from the image that ``inverse`` gives; the
            squeezed image, if ``tfb.Invert(Squeeze())`` is part of it.
        image_shape: ``(H, W, C)``.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        TypeError: levels that are no bijectors, a shape that is none of an image.
        ValueError: no levels; more levels than the image can be squeezed for; a level
            whose channels do not split in halves; a call with points of another shape.

    >>> import tensorflow as tf, tfp_flows
    >>> from tensorflow_probability import bijectors as tfb
    >>> unsqueeze = tfb.Invert(tfp_flows.bijectors.Squeeze())
    >>> scales = tfp_flows.bijectors.MultiScale([unsqueeze] * 2, image_shape=(4, 4, 1))
    >>> z = tf.range(16.0)
    >>> scales.forward(z).shape, bool(tf.reduce_all(
    ...     scales.inverse(tf.identity(scales.forward(z))) == z))
    (TensorShape([4, 4, 1]), True)

    Papers: Dinh, Sohl-Dickstein and Bengio (2017), Density estimation using Real NVP;
    Kingma and Dhariwal (2018), Glow.
    """

    def __init__(
        self,
        levels: Sequence[tfb.Bijector],
        image_shape: Sequence[int],
        validate_args: bool = False,
        name: str = "multi_scale",
    ):
        where = f"MultiScale {name!r}"
        self._image_shape = checked_image_shape(image_shape, f"{where}: image_shape")
        if isinstance(levels, tfb.Bijector) or not np.iterable(levels):
            raise TypeError(
                f"{where}: levels must be a list of bijectors, but got {levels!r}."
            )
        self.levels = list(levels)
        if not self.levels:
            raise ValueError(
                f"{where}: levels must be 1 bijector or more, but got none."
            )
        self._shapes = level_shapes(self.levels, self._image_shape, where)
        super().__init__(
            dict(locals()),
            event_ndims=1,
            inverse_event_ndims=3,
            event_size=math.prod(self._image_shape),
            dtype=common_dtype(self.levels, where),
        )
        self._image_event_shape = tf.TensorShape(self._image_shape)

    def experimental_batch_shape(
        self, x_event_ndims: int | None = None, y_event_ndims: int | None = None
    ) -> tf.TensorShape:
        """The batch shape of the levels, as in TFP."""
        shapes = [level.experimental_batch_shape(3) for level in self.levels]
        return functools.reduce(tf.broadcast_static_shape, shapes)

    def experimental_batch_shape_tensor(
        self, x_event_ndims: int | None = None, y_event_ndims: int | None = None
    ) -> tf.Tensor:
        """The batch shape of the levels as a tensor, as in TFP."""
        shapes = [level.experimental_batch_shape_tensor(3) for level in self.levels]
        return functools.reduce(tf.broadcast_dynamic_shape, shapes)

    def parts(self) -> list[Part]:
        """The levels' parts; the last level, which is nearest to the base, first."""
        return [
            Part(f"level {i}: {part.name}", part)
            for i, level in reversed(list(enumerate(self.levels)))
            for part in in_order(level)
        ]

    def data_paths(self) -> list[DataPath]:
        """The one path that `inverse` takes to the last part of the vector.

        The half that is done at a level drops out. Layers that start from data are on
        the path.
        """
        layers: list = []
        for i, level in enumerate(self.levels):
            layers += path_through(in_order(level))
            if i < len(self.levels) - 1:
                layers.append(_FirstHalf())
        return [DataPath(layers, self.dtype)]

    def _forward_event_shape(self, input_shape):
        return tf.TensorShape(self._image_shape)

    def _inverse_event_shape(self, output_shape):
        return tf.TensorShape([self.event_size])

    def _forward_event_shape_tensor(self, input_shape):
        return tf.constant(self._image_shape)

    def _inverse_event_shape_tensor(self, output_shape):
        return tf.constant([self.event_size])

    def _forward_and_log_det(self, x):
        sizes = [math.prod(shape) // 2 for shape in self._shapes[:-1]]
        sizes.append(math.prod(self._shapes[-1]))
        parts = tf.split(x, sizes[::-1], axis=-1)
        y, log_det = None, 0.0
        for level, shape, part in zip(
            self.levels[::-1], self._shapes[::-1], parts, strict=True
        ):
            if y is not None:
                shape = [*shape[:2], shape[2] // 2]
            batch = tf.shape(part)[:-1]
            part = tf.reshape(part, tf.concat([batch, shape], axis=0))
            x = part if y is None else _joined(y, part, event_ndims=3)
            y, log_det_of_level = forward_and_log_det(level, x, 3)
            log_det += log_det_of_level
        return y, log_det

    def _inverse_and_log_det(self, y):
        parts, log_det = [], 0.0
        for i, level in enumerate(self.levels):
            x, log_det_of_level = inverse_and_log_det(level, y, 3)
            log_det += log_det_of_level
            if i < len(self.levels) - 1:
                y, x = tf.split(x, 2, axis=-1)
            size = math.prod(x.shape[-3:])
            parts.append(tf.reshape(x, tf.concat([tf.shape(x)[:-3], [size]], axis=0)))
        return _joined(*parts[::-1], event_ndims=1), log_det


class _FirstHalf:
    """The half of the channels that goes on to the next level."""

    @staticmethod
    def inverse(x) -> tf.Tensor:
        """The first half of the channels."""
        return tf.split(x, 2, axis=-1)[0]


def _joined(*parts: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """The parts joined by the last axis; a context may give them other batch shapes."""
    batches = [tf.shape(part)[: part.shape.rank - event_ndims] for part in parts]
    batch = functools.reduce(tf.broadcast_dynamic_shape, batches)
    same_batch = [
        tf.broadcast_to(part, tf.concat([batch, part.shape[-event_ndims:]], axis=0))
        for part in parts
    ]
    return tf.concat(same_batch, axis=-1)
