"""A base distribution sent through a bijector."""

import inspect
from collections.abc import Callable
from typing import Any, final

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.bijectors.evaluation import forward_and_log_det, inverse_and_log_det
from tfp_flows.bijectors.event_ranks import with_known_rank
from tfp_flows.distributions.closed_forms import NamesEstimators, register_kl
from tfp_flows.random_state import SampledBySeed
from tfp_flows.stages import is_transformed
from tfp_flows.variables import Described
from tfp_flows.variables.keras_context import require_tracked

# Around parts that are no composite tensors TFP's constructor gives this class. A flow
# is none either: it must not be registered as a subclass of the public class, for
# TensorFlow would take it for a composite tensor then, and look for its components.
_TransformedDistribution: Any = tfd.TransformedDistribution.__bases__[0]
_DEFAULT_SPLIT = (
    inspect.signature(_TransformedDistribution).parameters["kwargs_split_fn"].default
)


class Flow(SampledBySeed, Described, NamesEstimators, _TransformedDistribution):
    """A base distribution sent through a bijector: a normalizing flow.

    Density: log p(y) = log p₀(f⁻¹(y)) + log|det ∂f⁻¹(y)/∂y|, in nats, for a base p₀ and
    a bijector f from base to data.

    A drop-in for ``tfd.TransformedDistribution``, around any bijectors, TFP's own
    among them. It walks the chain once, where that class needs two walks, and no tensor
    is looked up in TFP's cache, which keeps values and log-determinants by the identity
    of a tensor. So nothing is stale once a weight is trained, and ``log_prob`` has its
    gradient at the flow's own samples, too. (It is a subclass of the class that
    ``tfd.TransformedDistribution(…)`` gives around a bijector that is no composite
    tensor, as ours are not.)

    Cost: ``log_prob`` one evaluation of the bijector's inverse, ``sample`` one of its
    forward map, ``experimental_sample_and_log_prob`` one of its forward map.

    Args:
        distribution: the base.
        bijector: f.
        kwargs_split_fn: as in TFP.
        validate_args: as in TFP.
        name: as in TFP.

    >>> import tfp_flows
    >>> from tensorflow_probability import bijectors as tfb
    >>> from tensorflow_probability import distributions as tfd
    >>> flow = tfp_flows.distributions.Flow(tfd.Normal(0.0, 1.0), tfb.Exp())
    >>> flow.log_prob(1.0).numpy().round(3)
    np.float32(-0.919)

    Papers: Tabak and Vanden-Eijnden (2010), Density estimation by dual ascent of the
    log-likelihood; Rezende and Mohamed (2015), Variational inference with normalizing
    flows.
    """

    def __init__(
        self,
        distribution: tfd.Distribution,
        bijector: tfb.Bijector,
        kwargs_split_fn: Callable | None = None,
        validate_args: bool = False,
        name: str | None = None,
    ):
        parameters = dict(locals())
        for part, kind, argument in (
            (distribution, tfd.Distribution, "distribution"),
            (bijector, tfb.Bijector, "bijector"),
        ):
            if not isinstance(part, kind):
                raise TypeError(
                    f"Flow: {argument} must be a {kind.__name__}, but got {part!r}."
                )
        super().__init__(
            distribution,
            bijector,
            kwargs_split_fn=kwargs_split_fn,
            validate_args=validate_args,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def wrap(cls, distribution: tfd.Distribution) -> tfd.Distribution:
        """A flow of the same parts, of a ``tfd.TransformedDistribution``.

        Any other distribution as it is.
        """
        if isinstance(distribution, cls) or not is_transformed(distribution):
            return distribution
        arguments = distribution.parameters
        split = arguments.get("kwargs_split_fn")
        return cls(
            cls.wrap(distribution.distribution),
            distribution.bijector,
            kwargs_split_fn=None if split is _DEFAULT_SPLIT else split,
            validate_args=distribution.validate_args,
            name=distribution.name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        # TFP asks for it of a class with a constructor of its own.
        return super()._parameter_properties(dtype, num_classes=num_classes)

    @final
    def _log_prob(self, y, **kwargs):
        require_tracked(self)
        if not self.bijector._is_injective:
            return super()._log_prob(_fresh(y), **kwargs)
        if not tf.nest.is_nested(y) and y.shape.rank is None:
            rank = self.event_shape.rank + self.batch_shape.rank
            return with_known_rank(lambda rows: self._log_prob(rows, **kwargs), y, rank)
        base_kwargs, bijector_kwargs = self._kwargs_split_fn(kwargs)
        x, log_det = inverse_and_log_det(
            self.bijector, y, _ranks(self.event_shape), **bijector_kwargs
        )
        return self.distribution.log_prob(x, **base_kwargs) + log_det

    @final
    def _call_sample_n(self, sample_shape, seed, **kwargs):
        require_tracked(self)
        base_kwargs, bijector_kwargs = self._kwargs_split_fn(kwargs)
        base = self._maybe_broadcast_distribution_batch_shape()
        x = base.sample(sample_shape, seed=seed, **base_kwargs)
        ndims = _ranks(self.distribution.event_shape)
        return forward_and_log_det(self.bijector, x, ndims, **bijector_kwargs)[0]

    @final
    def _sample_and_log_prob(self, sample_shape, seed, **kwargs):
        require_tracked(self)
        if not self.bijector._is_injective:
            return super()._sample_and_log_prob(sample_shape, seed, **kwargs)
        base_kwargs, bijector_kwargs = self._kwargs_split_fn(kwargs)
        base = self._maybe_broadcast_distribution_batch_shape()
        x, log_prob = base.experimental_sample_and_log_prob(
            sample_shape, seed=seed, **base_kwargs
        )
        ndims = _ranks(self.distribution.event_shape)
        y, log_det = forward_and_log_det(self.bijector, x, ndims, **bijector_kwargs)
        return y, log_prob - log_det

    # TFP's other methods enter the bijector at what the user gave: here at a copy.

    def experimental_local_measure(
        self, y: Any, backward_compat: bool = False, **kwargs: Any
    ) -> tuple[tf.Tensor, Any]:
        """Give what ``tfd.TransformedDistribution`` gives, without its cache."""
        return super().experimental_local_measure(
            _fresh(y), backward_compat=backward_compat, **kwargs
        )

    @final
    def _prob(self, y, **kwargs):
        return tf.exp(self._log_prob(y, **kwargs))

    def _cdf(self, y, **kwargs):
        return super()._cdf(_fresh(y), **kwargs)

    def _log_cdf(self, y, **kwargs):
        return super()._log_cdf(_fresh(y), **kwargs)

    def _survival_function(self, y, **kwargs):
        return super()._survival_function(_fresh(y), **kwargs)

    def _log_survival_function(self, y, **kwargs):
        return super()._log_survival_function(_fresh(y), **kwargs)


def _fresh(y):
    return tf.nest.map_structure(tf.identity, y)


def _ranks(event_shape):
    if isinstance(event_shape, tf.TensorShape):
        return event_shape.rank
    return tf.nest.map_structure(lambda shape: shape.rank, event_shape)


register_kl(Flow)
