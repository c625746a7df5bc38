"""The invertible 1×1 convolution."""

from collections.abc import Callable
from typing import Any, Self

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.base import Bijector, event_size_of
from tfp_flows.bijectors.evaluation import forward_and_log_det, inverse_and_log_det
from tfp_flows.bijectors.linear.lu_linear import LULinear
from tfp_flows.checks import require_no_batch
from tfp_flows.random_state import Seed


class InvertibleConvolution1x1(Bijector):
    """Mix the channels of each pixel by one linear map.

    Forward: y_p = x_p·W + b for the vector of C channels at each pixel p.

    Inverse: x_p = (y_p − b)·W⁻¹.

    Log-determinant: log|det W| for each pixel: of an image H·W times that.

    Cost: O(C²) a pixel in both directions, and once a call W or W⁻¹, from C vectors
    sent through ``linear``: O(C³); the log-determinant costs what ``linear`` takes for
    it, O(C) for the LU form and O(C³) for a plain matrix.

    It acts on the last axis, whatever is before it: images ``[H, W, C]``, sequences
    ``[T, C]``, vectors.

    Args:
        linear: a linear bijector of vectors ``[C]``: `LULinear` for the form P·L·S·U
            of Glow, `Linear` for a plain matrix; `QRLinear`, `Householder` and
            `OrthogonalExponential` serve as well.
        validate_args: whether a map that has no inverse is an error, of TensorFlow;
            else its images are not finite.
        name: as in TFP.

    Raises:
        TypeError: ``linear`` is no bijector.
        ValueError: ``linear`` does not declare a constant Jacobian, or has a batch
            shape; a call with points of another number of channels.

    ``InvertibleConvolution1x1.trainable(C)`` is the LU form of a random rotation.

    >>> import tensorflow as tf, tfp_flows
    >>> mix = tfp_flows.bijectors.InvertibleConvolution1x1.trainable(4, seed=0)
    >>> image = tf.random.stateless_normal([8, 8, 4], seed=[0, 1])
    >>> x = mix.inverse(mix.forward(image))
    >>> bool(tf.reduce_max(tf.abs(x - image)) < 1e-5)
    True
    >>> bool(abs(mix.forward_log_det_jacobian(image, event_ndims=3)) < 1e-4)
    True

    Paper: Kingma and Dhariwal (2018), Glow: generative flow with invertible 1×1
    convolutions.
    """

    def __init__(
        self,
        linear: tfb.Bijector,
        validate_args: bool = False,
        name: str = "invertible_convolution_1x1",
    ):
        where = f"InvertibleConvolution1x1 {name!r}"
        if not isinstance(linear, tfb.Bijector):
            raise TypeError(f"{where} takes a linear bijector, but got {linear!r}.")
        if not linear.is_constant_jacobian or linear.forward_min_event_ndims != 1:
            raise ValueError(
                f"{where} takes a linear bijector of vectors, such as LULinear, but "
                f"got {type(linear).__name__} {linear.name!r}."
            )
        require_no_batch(linear, where)
        self.linear = linear
        super().__init__(
            dict(locals()),
            event_size=event_size_of(linear),
            dtype=linear.dtype,
            is_constant_jacobian=True,
        )

    @classmethod
    def trainable(
        cls,
        event_size: int,
        *,
        make_linear: Callable[..., tfb.Bijector] | None = None,
        seed: Seed = None,
        dtype: Any = "float32",
        **options: Any,
    ) -> Self:
        """A convolution of C channels, with variables that start at a random rotation.

        Args:
            event_size: C.
            make_linear: a function of C, ``seed`` and ``dtype`` that gives ``linear``;
                ``LULinear.random_rotation`` by default.
            seed: a seed for the start.
            dtype: the dtype of the variables, float32 or float64.
            **options: the constructor's other arguments.
        """
        make_linear = LULinear.random_rotation if make_linear is None else make_linear
        return cls(make_linear(event_size, seed=seed, dtype=dtype), **options)

    def _map(self, function, x) -> tuple[tf.Tensor, tf.Tensor]:
        """An affine function of vectors, by its matrix, and its log-determinant."""
        size = x.shape[-1]
        rows = tf.eye(size + 1, size, dtype=x.dtype)  # The last row is 0.
        rows, log_det = function(self.linear, rows, 1)
        y = tf.tensordot(x, rows[:-1] - rows[-1], 1) + rows[-1]
        return y, tf.reshape(log_det, [-1])[0]  # The same for each row.

    def _forward_and_log_det(self, x):
        return self._map(forward_and_log_det, x)

    def _inverse_and_log_det(self, y):
        return self._map(inverse_and_log_det, y)
