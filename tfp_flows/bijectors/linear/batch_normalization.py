"""Batch normalization as a bijector."""

from typing import Any, Self

import tensorflow as tf

from tfp_flows.bijectors.base import Bijector, ParameterProperties
from tfp_flows.checks import checked_count
from tfp_flows.networks.running_moments import RunningMoments
from tfp_flows.random_state import Seed, as_integer
from tfp_flows.variables import KerasModule, network_of


class BatchNormalization(Bijector):
    """Normalize by the mean and standard deviation of the batch, or running ones.

    Inverse (data → base): x = (y − m)/√(v + ε)·exp(s) + t, for each channel.

    Forward (base → data): y = (x − t)·exp(−s)·√(v + ε) + m.

    Log-determinant: Σ (½ log(v + ε) − s) over the channels, forward; of an image H·W
    times that.

    Cost: one multiplication and one addition a number; in training, the moments of the
    batch.

    **In training**, as Keras's call context tells (``fit``), m and v are
    the mean and variance of the batch that ``inverse`` is given, over all axes but the
    last; gradients pass through them, and the running statistics move towards them.
    **Otherwise**, as in ``evaluate``, ``predict`` and wherever a flow is used, and in
    ``forward`` always, they are the running statistics: one density in ``sample`` and
    ``log_prob``. In training the log-probability of a point depends on its batch; a
    batch of one row has no variance.

    It acts on the last axis, whatever is before it: images ``[H, W, C]``, vectors.

    Args:
        moments: a `RunningMoments` of C channels, a Keras layer, built.
        shift: t, ``[C]``.
        log_scale: s, ``[C]``.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        TypeError: ``moments`` is no such layer; dtypes that differ.
        ValueError: sizes that differ.

    ``BatchNormalization.trainable(C)`` starts with m = 0, v = 1, s = t = 0: nearly the
    identity.

    >>> import tfp_flows
    >>> normalize = tfp_flows.bijectors.BatchNormalization.trainable(2, epsilon=1e-6)
    >>> normalize.inverse([[3.0, -1.0]]).numpy().round(3)
    array([[ 3., -1.]], dtype=float32)

    Papers: Ioffe and Szegedy (2015), Batch normalization; Dinh, Sohl-Dickstein and
    Bengio (2017), Density estimation using Real NVP.
    """

    def __init__(
        self,
        moments: Any,
        shift: Any,
        log_scale: Any,
        validate_args: bool = False,
        name: str = "batch_normalization",
    ):
        where = f"BatchNormalization {name!r}"
        if not isinstance(network_of(moments), RunningMoments):
            raise TypeError(f"{where} takes RunningMoments, but got {moments!r}.")
        if not isinstance(moments, KerasModule):
            moments = KerasModule(moments)
        self._moments = moments
        super().__init__(dict(locals()), event_ndims=0, dtype=moments.dtype)
        size = moments.layer.mean.shape[0]
        for key in ("shift", "log_scale"):
            if getattr(self, key).shape[-1:] != (size,):
                raise ValueError(
                    f"{where}: {key} must have the size {size} of the moments, but got "
                    f"shape {tuple(getattr(self, key).shape)}."
                )

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"shift": ParameterProperties(), "log_scale": ParameterProperties()}

    @classmethod
    def trainable(
        cls,
        event_size: int,
        *,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        seed: Seed = None,
        dtype: Any = "float32",
        **options: Any,
    ) -> Self:
        """A layer for C channels, with variables that start nearly at the identity.

        Args:
            event_size: C.
            momentum: the part of the running statistics that stays at each step.
            epsilon: ε, added to the variances.
            seed: accepted so that all layers share a signature; nothing is random.
            dtype: the dtype of the variables, float32 or float64.
            **options: the constructor's other arguments.
        """
        size = checked_count(event_size, f"{cls.__name__}: event_size")
        as_integer(seed, f"{cls.__name__}: seed")
        moments = RunningMoments(
            momentum=momentum, epsilon=epsilon, dtype=tf.as_dtype(dtype).name
        )
        moments.build((None, size))
        return cls(
            moments,
            tf.Variable(tf.zeros([size], dtype), name="shift"),
            tf.Variable(tf.zeros([size], dtype), name="log_scale"),
            **options,
        )

    def _forward_and_log_det(self, x):
        mean, log_deviation = self._moments.layer.running()
        log_slope = log_deviation - self.log_scale
        return (x - self.shift) * tf.exp(log_slope) + mean, log_slope

    def _inverse_and_log_det(self, y):
        mean, log_deviation = self._moments.layer(y)
        log_slope = self.log_scale - log_deviation
        return (y - mean) * tf.exp(log_slope) + self.shift, log_slope
