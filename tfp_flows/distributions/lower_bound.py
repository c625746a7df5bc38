"""Distributions with a latent variable, whose log-probability is bounded from below."""

import abc
import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.checks import checked_count
from tfp_flows.random_state import (
    SampledBySeed,
    as_state,
    as_stateless,
    next_seed,
)


class LowerBound(SampledBySeed, tfd.Distribution, abc.ABC):
    """A distribution p(x) = ∫ p(x, u) du, by draws of u from a proposal q(u | x).

    ``log_prob(x, num_samples=k)``, in nats, is log (1/k)·Σᵢ p(x, uᵢ)/q(uᵢ | x) over k
    draws uᵢ. Its expectation is a lower bound of log p(x) that gets tighter as k grows;
    for k = 1 it is the evidence lower bound. The proposal may be trained along: it
    makes the bound tighter.

    **Random numbers** come from a state, a ``tf.Variable`` that each call without a
    ``seed`` advances, ``evaluate`` and ``predict`` of a model among them. It is saved
    with weights, and copies share it. An integer for a seed gives the same numbers at
    each call. Under a strategy each replica has draws of its own.

    A subclass writes `_log_weight`, the sampling, and the shape of events, as in TFP.

    Cost: k evaluations of both densities.

    Args:
        parameters: ``dict(locals())`` of the subclass's ``__init__``, which must
            contain ``num_samples`` (k, where `log_prob` is not told), ``seed`` (an
            integer; ``None`` for one of Python's generator; or the state of another,
            which it then shares), ``validate_args``, ``allow_nan_stats`` and ``name``.
        dtype: of x.
        reparameterization_type: of samples, as in TFP.

    Raises:
        TypeError: a number of samples that is no integer.
        ValueError: fewer samples than one; a seed that is none of these.

    x = u + ε with standard normal u and ε, and a proposal that knows only that u is
    near x/2:

    >>> import tensorflow as tf, tfp_flows
    >>> from tensorflow_probability import distributions as tfd
    >>> class Sum(tfp_flows.distributions.LowerBound):
    ...     def __init__(self, num_samples=1, seed=None, validate_args=False,
    ...                  allow_nan_stats=True, name="sum"):
    ...         super().__init__(dict(locals()), dtype=tf.float32)
    ...
    ...     def _log_weight(self, x, sample_shape, seed):
    ...         q = tfd.Normal(x / 2.0, 1.0)
    ...         u, log_q = q.experimental_sample_and_log_prob(sample_shape, seed=seed)
    ...         prior, likelihood = tfd.Normal(0.0, 1.0), tfd.Normal(u, 1.0)
    ...         return prior.log_prob(u) + likelihood.log_prob(x) - log_q
    >>> bound = Sum().log_prob(1.0, num_samples=10_000, seed=0)
    >>> exact = tfd.Normal(0.0, 2.0**0.5).log_prob(1.0)
    >>> bool(abs(bound - exact) < 0.05)
    True

    Paper: Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        *,
        dtype: tf.DType,
        reparameterization_type: Any = tfd.NOT_REPARAMETERIZED,
    ):
        name = parameters["name"]
        self._where = f"{type(self).__name__} {name!r}"
        self._num_samples = checked_count(
            parameters["num_samples"], f"{self._where}: num_samples"
        )
        self._state = as_state(parameters["seed"], self._where)
        super().__init__(
            dtype=dtype,
            reparameterization_type=reparameterization_type,
            validate_args=parameters["validate_args"],
            allow_nan_stats=parameters["allow_nan_stats"],
            # So that a copy gets the state and shares it.
            parameters={**parameters, "seed": self._state},
            name=name,
        )

    @property
    def num_samples(self) -> int:
        """The number of draws, k, where `log_prob` is not told."""
        return self._num_samples

    @abc.abstractmethod
    def _log_weight(
        self, x: tf.Tensor, sample_shape: Sequence[int], seed: tf.Tensor
    ) -> tf.Tensor:
        """Give the log-weights log p(x, u) − log q(u | x) of new draws of u.

        Args:
            x: ``[..., *event_shape]``.
            sample_shape: of the draws, for each point.
            seed: stateless, ``[2]``.

        Returns:
            ``[*sample_shape, ...]``.
        """

    def _log_prob(
        self, x: tf.Tensor, num_samples: int | None = None, seed: Any = None
    ) -> tf.Tensor:
        k = self._num_samples
        if num_samples is not None:
            k = checked_count(num_samples, f"{self._where}.log_prob: num_samples")
        sample_shape = [] if k == 1 else [k]
        log_weight = self._log_weight(x, sample_shape, self._stateless(seed))
        if k == 1:
            return log_weight
        return tf.reduce_logsumexp(log_weight, axis=0) - math.log(k)

    def _stateless(self, seed: Any) -> tf.Tensor:
        """Give a stateless seed: the state's next one, or the one that came."""
        if seed is None:
            return next_seed(self._state)
        return as_stateless(seed, self._where)
