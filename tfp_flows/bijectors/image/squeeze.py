"""Pixels as channels."""

import tensorflow as tf

from tfp_flows.bijectors.base import Bijector
from tfp_flows.checks import checked_count


class Squeeze(Bijector):
    """Stack the pixels of each small square as channels.

    Forward: ``[H, W, C]`` becomes ``[H/f, W/f, f²·C]``; the pixels of each square of
    f × f, row by row, become groups of C channels.

    Inverse: the channels are laid out again. Log-determinant: 0. Cost: a copy.

    Args:
        factor: f, 2 or more.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        TypeError: a factor that is no integer.
        ValueError: a factor below 2; a call with images whose sides f does not divide,
            or of the inverse with a number of channels that f² does not divide.

    >>> import tfp_flows
    >>> squeeze = tfp_flows.bijectors.Squeeze()
    >>> squeeze.forward(tf.reshape(tf.range(4.0), [2, 2, 1])).numpy()
    array([[[0., 1., 2., 3.]]], dtype=float32)

    Paper: Dinh, Sohl-Dickstein and Bengio (2017), Density estimation using Real NVP.
    """

    def __init__(
        self, factor: int = 2, validate_args: bool = False, name: str = "squeeze"
    ):
        self.factor = checked_count(factor, f"Squeeze {name!r}: factor")
        if self.factor < 2:
            raise ValueError(
                f"Squeeze {name!r}: factor must be 2 or more, but got {factor}."
            )
        super().__init__(dict(locals()), event_ndims=3, is_constant_jacobian=True)

    def _forward_event_shape(self, input_shape):
        rows, columns, channels = self._sizes(input_shape)
        f = self.factor
        for side in (rows, columns):
            if side is not None and side % f:
                raise ValueError(
                    f"{self._where}: the sides of an image must be multiples of {f}, "
                    f"but got shape {list(input_shape)}."
                )
        rows, columns = (side and side // f for side in (rows, columns))
        return tf.TensorShape([rows, columns, channels and channels * f**2])

    def _inverse_event_shape(self, output_shape):
        rows, columns, channels = self._sizes(output_shape)
        f = self.factor
        if channels is not None and channels % f**2:
            raise ValueError(
                f"{self._where}: the channels of a squeezed image must be a multiple "
                f"of {f**2}, but got shape {list(output_shape)}."
            )
        rows, columns = (side and side * f for side in (rows, columns))
        return tf.TensorShape([rows, columns, channels and channels // f**2])

    def _sizes(self, shape) -> list[int | None]:
        """Rows, columns and channels, as far as they are known."""
        if shape.rank is None:
            return [None] * 3
        if shape.rank != 3:
            raise ValueError(
                f"{self._where} takes images [H, W, C], but got shape {tuple(shape)}."
            )
        return shape.as_list()

    def _forward_event_shape_tensor(self, input_shape):
        f = self.factor
        return input_shape // [f, f, 1] * [1, 1, f**2]

    def _inverse_event_shape_tensor(self, output_shape):
        f = self.factor
        return output_shape * [f, f, 1] // [1, 1, f**2]

    def _forward_and_log_det(self, x):
        self._forward_event_shape(x.shape[-3:])  # An error where it does not fit.
        y = _by_batch(tf.nn.space_to_depth, x, self.factor)
        return y, tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        self._inverse_event_shape(y.shape[-3:])
        x = _by_batch(tf.nn.depth_to_space, y, self.factor)
        return x, tf.zeros([], y.dtype)


def _by_batch(function, x, factor: int) -> tf.Tensor:
    """The values of a function of images ``[N, H, W, C]`` for any batch shape."""
    y = function(tf.reshape(x, tf.concat([[-1], tf.shape(x)[-3:]], axis=0)), factor)
    return tf.reshape(y, tf.concat([tf.shape(x)[:-3], tf.shape(y)[1:]], axis=0))
