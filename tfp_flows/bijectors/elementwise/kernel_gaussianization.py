"""The layer of a Gaussianization flow that makes each dimension normal."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.data_dependent import (
    DataDependent,
    Weighted,
    moments,
    quantiles,
    row_batches,
)
from tfp_flows.bijectors.elementwise.gaussian_mixture_cdf import GaussianMixtureCDF
from tfp_flows.bijectors.elementwise.monotone import spread

_MOST_ROWS = 65_536


class KernelGaussianization(DataDependent, GaussianMixtureCDF):
    """A `GaussianMixtureCDF` that starts from data: each dimension becomes normal.

    Forward, inverse, log-determinant and cost: those of `GaussianMixtureCDF`,
    z = Φ⁻¹(F(y)), where F is a kernel density estimate of the distribution function,
    with trainable centers, widths and weights.

    `adapt` puts the J centers of each dimension at quantiles of the data, with widths
    as the distances between them; then ``inverse`` makes each dimension of the
    data nearly standard normal. Until then it is nearly the identity. Between such
    layers a rotation shows the next one other directions:
    `tfp_flows.flows.gaussianization`.

    Args:
        logits: ``[..., D, J]``, as in `GaussianMixtureCDF`.
        means: ``[..., D, J]``, as there.
        log_scales: ``[..., D, J]``, as there.
        adapted: a boolean variable that tells whether the parameters came from data; a
            new one by default, if they are variables. It is saved with them.
        validate_args: as in TFP.
        name: as in TFP.

    Raises:
        ValueError: parameters whose lengths do not fit each other.
        TypeError: dtypes that differ or are not floating.

    >>> import numpy as np, tfp_flows
    >>> kernels = tfp_flows.bijectors.KernelGaussianization.trainable(1)
    >>> data = np.random.default_rng(0).exponential(size=[1000, 1])
    >>> kernels.adapt(data)
    >>> z = kernels.inverse(data.astype("float32")).numpy()
    >>> abs(z.mean()) < 0.1, abs(z.std() - 1) < 0.1
    (np.True_, np.True_)

    Paper: Meng, Song, Song and Ermon (2020), Gaussianization flows.
    """

    def __init__(
        self,
        logits: Any,
        means: Any,
        log_scales: Any,
        adapted: tf.Variable | None = None,
        validate_args: bool = False,
        name: str = "kernel_gaussianization",
    ):
        adapted = self._set_flag(adapted, logits)
        # Not by GaussianMixtureCDF's constructor, which does not know the flag.
        super(GaussianMixtureCDF, self).__init__(dict(locals()))
        self._require_same_length("logits", "means", "log_scales")

    def adapt(self, data: Any, sample_weight: Any = None) -> None:
        """Sets the parameters to a kernel density estimate of each column.

        Args:
            data: an array or tensor ``[N, D]``, or a ``tf.data.Dataset`` or iterator
                of such batches, of which 65,536 to 131,072 rows, evenly chosen, are
                used if there are more.
            sample_weight: ``[N]``, of data in memory; a row of weight 2 counts as two.
                A stream's batches may be (x, None, sample_weight).

        Raises:
            TypeError: data that are not real numbers.
            ValueError: weights that do not fit, are negative or not finite;
                parameters that are no variables of shape ``[D, J]``; data of
                another size, without rows, or not finite; a column that is constant,
                or narrower or wider than the widths can be.
        """
        self._require_variables("logits", "means", "log_scales", rank=2)
        size, count = self.means.shape
        batches = row_batches(data, sample_weight, size, self._where)
        thinned = _thinned(batches)
        rows = thinned.rows
        constant = np.flatnonzero(np.ptp(rows, axis=0) == 0)
        if constant.size:
            raise ValueError(
                f"{self._where}.adapt: column {constant[0]} is constant, "
                f"{rows[0, constant[0]]} in every row: it has no density."
            )
        centers = quantiles(thinned, (np.arange(count) + 0.5) / count).T
        _, deviations = moments([thinned])
        widths = _distances(centers, deviations[:, np.newaxis])
        fixed, start = spread(count)
        # The scales are within 5·tanh of the fixed one. (One of many widths may be
        # less than that, if values are repeated.)
        logs = np.log(widths / start) / 5.0
        bad = np.flatnonzero(np.abs(np.median(logs, axis=1)) > 0.99)
        if bad.size:
            raise ValueError(
                f"{self._where}.adapt: the kernels' widths can be 0.01 to 100, but "
                f"column {bad[0]} has a standard deviation of "
                f"{deviations[bad[0]]:.3g}; put Standardize between it and the data."
            )
        logs = np.clip(logs, -0.99, 0.99)
        self.logits.assign(tf.zeros_like(self.logits))
        self.means.assign(centers - fixed)
        self.log_scales.assign(5.0 * np.arctanh(logs))
        self._adapted.assign(True)


def _thinned(batches: Iterator[Weighted]) -> Weighted:
    """Every n-th row, with n that grows so that not many more than the most remain."""
    chosen: list[Weighted] = []
    stride, count = 1, 0
    for batch in batches:
        chosen.append(Weighted(*(part[-count % stride :: stride] for part in batch)))
        count += len(batch.rows)
        while count / stride > 2 * _MOST_ROWS:
            joined = _joined(chosen)
            chosen, stride = [Weighted(*(part[::2] for part in joined))], 2 * stride
    return _joined(chosen)


def _joined(batches: list[Weighted]) -> Weighted:
    return Weighted(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))


def _distances(centers: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Half the distance between the neighbors of each center; σ if there are none."""
    if centers.shape[1] == 1:
        return deviations
    # Ties of centers (repeated values) would leave a width of 0.
    return np.maximum(np.gradient(centers, axis=1), 0.05 * deviations)
