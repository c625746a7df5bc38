"""One normal distribution, and the best that a normal distribution can do."""

import math

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.datasets.base import Density2D, floating


class CorrelatedGaussian(Density2D):
    r"""The normal distribution N(μ, Σ), μ = (5, 7), Σ = [[2, 0.7], [0.7, 1]].

    The simplest thing to learn: an affine flow can be exact. The entropy is
    1 + ln 2π + ½ ln det Σ = 3.0431 nats. The best NLL on a finite sample is that of
    `gaussian_nll`, a little lower.

    Args:
        dtype: float32 or float64.
        validate_args: whether to check, at run time, that x is finite.
        name: the name of the distribution.

    Raises:
        TypeError: if ``dtype`` is neither float32 nor float64.

    >>> gaussian = CorrelatedGaussian()
    >>> print(gaussian.mean().numpy())
    [5. 7.]
    >>> x = gaussian.sample(20, seed=[0, 1])
    >>> print(f"{gaussian_nll(x):.2f} <", f"{-gaussian.log_prob(x).numpy().mean():.2f}")
    2.72 < 2.90
    """

    def __init__(
        self,
        dtype: tf.DType | str = "float32",
        validate_args: bool = False,
        name: str = "CorrelatedGaussian",
    ):
        parameters = dict(locals())
        dtype = floating(dtype)
        mean, covariance = (5.0, 7.0), np.array([[2.0, 0.7], [0.7, 1.0]])
        scale = np.linalg.cholesky(covariance)
        self._normal = tfd.MultivariateNormalTriL(
            tf.constant(mean, dtype), tf.constant(scale, dtype)
        )
        half_widths = 4.0 * np.sqrt(np.diag(covariance))
        bounds = [(m - h, m + h) for m, h in zip(mean, half_widths, strict=True)]
        super().__init__(bounds, 0.5, dtype, validate_args, name, parameters)

    def _sample_n(self, n, seed=None):
        return self._normal.sample(n, seed=seed)

    def _log_density(self, x):
        return self._normal.log_prob(x)

    def _entropy(self):
        return self._normal.entropy()

    def _mean(self):
        return self._normal.mean()

    def _mode(self):
        return self._normal.mode()

    def _covariance(self):
        return self._normal.covariance()

    def _variance(self):
        return self._normal.variance()

    def _stddev(self):
        return self._normal.stddev()


def gaussian_nll(x: np.ndarray) -> float:
    r"""The mean NLL of ``x`` under the normal distribution fitted to ``x`` itself.

    The fit is by maximum likelihood, so no normal distribution has a lower NLL on this
    sample:

    NLL = D/2 (1 + ln 2π) + ½ ln det Σ̂,

    with Σ̂ the covariance of the sample (divided by N, not N − 1).

    Args:
        x: the sample, of shape ``[N, D]``, with N > D.

    Returns:
        The mean NLL in nats.

    Raises:
        ValueError: if ``x`` is not of shape ``[N, D]`` with N > D, is not finite, or
            has a singular covariance.

    >>> print(f"{gaussian_nll([[0.0], [2.0]]):.4f} nats")
    1.4189 nats
    """
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or not 0 < x.shape[1] < x.shape[0]:
        raise ValueError(
            f"x must have shape [N, D] with N > D, but got {list(x.shape)}."
        )
    if not np.all(np.isfinite(x)):
        raise ValueError("x holds numbers that are not finite.")
    covariance = np.cov(x, rowvar=False, ddof=0).reshape(x.shape[1], x.shape[1])
    sign, log_det = np.linalg.slogdet(covariance)
    if sign <= 0.0:
        raise ValueError("The covariance of x is singular: its NLL has no minimum.")
    return 0.5 * x.shape[1] * (1.0 + math.log(2.0 * math.pi)) + 0.5 * float(log_det)
