"""Data of mean 0 and standard deviation 1."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.bijectors.data_dependent import moments, row_batches
from tfp_flows.checks import checked_count


class Standardize(Bijector):
    """Give each dimension the mean and the standard deviation of the data.

    Forward: y = x·s + m, with the data's standard deviations s and means m.

    Inverse: x = (y − m)/s, closed: data of mean 0 and standard deviation 1.

    Log-determinant: Σ log sᵢ; a density under it is one of the data as they came.

    Cost: one multiplication and one addition a dimension in both directions.

    The statistics are not trained but computed by `adapt`, which ``FlowModel.fit``
    calls before it trains. They are ``tf.Variable``s, saved with weights and
    checkpoints, and NaN until then: that is the flag, and it is saved with them. Before
    `adapt` the bijector refuses to be called, and to be traced into a ``tf.function``;
    a graph that was traced earlier and whose statistics were taken away since gives
    NaN.

    Args:
        event_size: D, for data yet to come. Or, in its place:
        mean: m, ``[..., D]``, and
        scale: s, ``[..., D]``, positive.
        dtype: the dtype of statistics yet to come.
        validate_args: as in TFP; checks that ``scale`` is positive at each call.
        name: as in TFP.

    Raises:
        ValueError: both an event size and statistics, or one of these alone; sizes
            that differ; ``scale`` not positive; a call before `adapt`.
        TypeError: dtypes that differ or are not floating.

    >>> import tfp_flows
    >>> standardize = tfp_flows.bijectors.Standardize(2)
    >>> standardize.adapt([[0.0, 10.0], [2.0, 50.0]])
    >>> standardize.inverse([[0.0, 10.0], [1.0, 70.0]]).numpy()
    array([[-1., -1.], [ 0.,  2.]], dtype=float32)
    """

    def __init__(
        self,
        event_size: int | None = None,
        *,
        mean: Any = None,
        scale: Any = None,
        dtype: Any = "float32",
        validate_args: bool = False,
        name: str = "standardize",
    ):
        num_statistics = (mean is not None) + (scale is not None)
        if num_statistics != (2 if event_size is None else 0):
            raise ValueError(
                f"Standardize {name!r} takes either an event_size or mean and scale, "
                f"but got event_size={event_size!r}, mean={mean!r}, scale={scale!r}."
            )
        if event_size is not None:
            size = checked_count(event_size, f"Standardize {name!r}: event_size")
            if not tf.as_dtype(dtype).is_floating:
                raise TypeError(
                    f"Standardize {name!r}: dtype must be floating, but got {dtype!r}."
                )
            nan = np.full([size], np.nan)
            mean = tf.Variable(nan, trainable=False, dtype=dtype, name="mean")
            scale = tf.Variable(nan, trainable=False, dtype=dtype, name="scale")
            # So that a copy gets the variables and shares the statistics.
            event_size = None
        super().__init__(dict(locals()), is_constant_jacobian=True)
        self._check_scale()

    @classmethod
    def _parameter_properties(cls, dtype):
        return {
            "mean": ParameterProperties(event_ndims=1),
            "scale": ParameterProperties(
                event_ndims=1, default_constraining_bijector_fn=tfb.Softplus
            ),
        }

    @property
    def adapted(self) -> bool:
        """Tells whether the statistics are known now, also while a graph is traced."""
        scale = self._known_scale()
        return scale is None or not np.isnan(scale).any()

    def _known_scale(self) -> np.ndarray | None:
        """The value that a variable has now; ``None`` for a tensor of a graph."""
        with tf.init_scope():
            return tf.get_static_value(tf.convert_to_tensor(self.scale))

    def adapt(self, data: Any, sample_weight: Any = None) -> None:
        """Sets the statistics to those of ``data``, computed in float64 in one pass.

        Args:
            data: an array or tensor ``[N, D]``, or a ``tf.data.Dataset`` or iterator
                of such batches.
            sample_weight: ``[N]``, of data in memory; a row of weight 2 counts as two.
                A stream's batches may be (x, None, sample_weight).

        Raises:
            TypeError: data that are not real numbers.
            ValueError: weights that do not fit, are negative or not finite;
                statistics that were given as constants; data of another size,
                without rows, not finite (with the row's number), too large for the
                dtype, or with a constant column (with its number).
        """
        if not all(isinstance(v, tf.Variable) for v in (self.mean, self.scale)):
            raise ValueError(
                f"{self._where}: mean and scale were given as constants, which adapt "
                f"cannot change; Standardize({self.event_size}) learns them."
            )
        event_size: Any = self.event_size
        batches = row_batches(data, sample_weight, event_size, self._where)
        with np.errstate(over="ignore"):  # Refused below.
            mean, scale = (
                m.astype(self.dtype.as_numpy_dtype) for m in moments(batches)
            )
        for column, values in enumerate(zip(mean, scale, strict=True)):
            if not np.isfinite(values).all():
                raise ValueError(
                    f"{self._where}.adapt: column {column} is too large for "
                    f"{self.dtype.name}; divide it by a constant before."
                )
            if not values[1] > 0:
                raise ValueError(
                    f"{self._where}.adapt: column {column} is constant, {values[0]} in "
                    "every row: it has no density and cannot be scaled. Leave it out."
                )
        self.mean.assign(mean)
        self.scale.assign(scale)

    def _check_scale(self) -> None:
        scale = self._known_scale()
        if scale is not None and (scale <= 0).any():  # NaN is for `adapted`.
            raise ValueError(
                f"{self._where}: scale must be positive, but got a smallest value "
                f"of {scale.min()}."
            )

    def _parameter_control_dependencies(self, is_init):
        if not self.validate_args or is_init:
            return []
        return [
            tf.debugging.assert_positive(
                self.scale, message=f"{self._where}: scale must be positive."
            )
        ]

    def _checked(self, x, event_shape):
        if not self.adapted:
            raise ValueError(
                f"{self._where} does not know the data's mean and scale yet: call "
                "adapt(data), load weights, or train with FlowModel.fit, which adapts."
            )
        return super()._checked(x, event_shape)

    def _forward_and_log_det(self, x):
        log_det = tf.reduce_sum(tf.math.log(self.scale), axis=-1)
        return x * self.scale + self.mean, log_det

    def _inverse_and_log_det(self, y):
        log_det = -tf.reduce_sum(tf.math.log(self.scale), axis=-1)
        return (y - self.mean) / self.scale, log_det
