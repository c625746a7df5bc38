"""Activation normalization."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.data_dependent import DataDependent, moments, row_batches
from tfp_flows.bijectors.elementwise.affine import Affine
from tfp_flows.bijectors.elementwise.transformer_spec import TransformerSpec


class ActNorm(DataDependent, Affine):
    """A scale and a shift for each channel, which start from data.

    Forward: y = x·exp(s) + t, s and t for each channel.

    Inverse: x = (y − t)·exp(−s), closed.

    Log-determinant: Σ s over the channels; of an image H·W times that.

    Cost: one multiplication and one addition a number in both directions, O(C) for the
    log-determinant.

    `adapt`, which ``FlowModel.fit`` calls before it traces, and a training loop of
    one's own by ``FlowModel.adapt``, sets s and t so that ``inverse`` makes mean 0 and
    variance 1 of each channel of the data as they arrive here. Until then s = t = 0:
    the identity. Afterwards both are trained like all weights; whether it has been is
    saved with them, so that a model that was loaded does not start again.

    It acts on the last axis, whatever is before it: images ``[H, W, C]``, vectors.

    Args:
        shift: t, ``[..., C]``.
        log_scale: s, ``[..., C]``.
        adapted: a boolean variable that tells whether the parameters came from data; a
            new one by default, if they are variables. It is saved with them.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: shapes that do not broadcast.
        TypeError: dtypes that differ or are not floating.

    >>> import numpy as np, tfp_flows
    >>> normalize = tfp_flows.bijectors.ActNorm.trainable(2)
    >>> normalize.adapt([[0.0, 10.0], [2.0, 50.0]])
    >>> normalize.inverse([[0.0, 10.0], [1.0, 70.0]]).numpy().round(3) + 0.0
    array([[-1., -1.],
           [ 0.,  2.]], dtype=float32)

    Paper: Kingma and Dhariwal (2018), Glow: generative flow with invertible 1×1
    convolutions.
    """

    def __init__(
        self,
        shift: Any,
        log_scale: Any,
        adapted: tf.Variable | None = None,
        validate_args: bool = False,
        name: str = "act_norm",
    ):
        adapted = self._set_flag(adapted, log_scale)
        self._log_scale_bound = None
        # Not by Affine's constructor, which does not know the flag.
        super(Affine, self).__init__(dict(locals()), is_constant_jacobian=True)

    @classmethod
    def spec(cls) -> TransformerSpec:  # type: ignore[override]
        """This layer as a transformer, like that of `Affine` but without a bound."""
        return super(Affine, cls).spec()

    def adapt(self, data: Any, sample_weight: Any = None) -> None:
        """Sets shift and scale to the mean and standard deviation of each channel.

        Args:
            data: an array or tensor ``[N, ..., C]``, or a ``tf.data.Dataset`` or
                iterator of such batches.
            sample_weight: ``[N]``, of data in memory; a row of weight 2 counts as two.
                A stream's batches may be (x, None, sample_weight).

        Raises:
            TypeError: data that are not real numbers.
            ValueError: weights that do not fit, are negative or not finite;
                parameters that are no variables of shape ``[C]``; data of
                another number of channels, without rows, or not finite; a channel that
                is constant.
        """
        self._require_variables("shift", "log_scale", rank=1)
        size = self.shift.shape[0]
        batches = row_batches(data, sample_weight, size, self._where, any_rank=True)
        mean, deviation = moments(batches)
        constant = np.flatnonzero(deviation == 0)
        if constant.size:
            raise ValueError(
                f"{self._where}.adapt: channel {constant[0]} is constant, "
                f"{mean[constant[0]]} everywhere: it has no density."
            )
        self.shift.assign(mean)
        self.log_scale.assign(np.log(deviation))
        self._adapted.assign(True)
