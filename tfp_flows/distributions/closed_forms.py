"""What a flow has no closed form for, and the estimator to use in its place."""

from collections.abc import Callable
from typing import Any

from tensorflow_probability import distributions as tfd

_TransformedDistribution: Any = tfd.TransformedDistribution.__bases__[0]


class NamesEstimators:
    """A mix-in of flows: errors that say which estimator to use.

    It goes before TFP's class among the bases.
    """

    def _entropy(self, **kwargs):
        return _or_name("entropy", "estimate_entropy(flow)", super(), kwargs)

    def _mean(self, **kwargs):
        return _or_name("mean", "estimate_mean(flow)", super(), kwargs)

    def _stddev(self, **kwargs):
        return _or_name("stddev", "estimate_variance(flow)", super(), kwargs)

    def _variance(self, **kwargs):
        return _or_name("variance", "estimate_variance(flow)", super(), kwargs)


def _or_name(what: str, estimator: str, parent: Any, kwargs: dict) -> Any:
    method: Callable = getattr(parent, f"_{what}")
    try:
        return method(**kwargs)
    except NotImplementedError as error:
        raise NotImplementedError(
            f"A flow has no closed form for its {what}: use "
            f"tfp_flows.estimates.{estimator}, which has a standard error."
        ) from error


def register_kl(flow_class: type) -> None:
    """Have ``tfd.kl_divergence`` of flows name the estimator."""
    for pair in (
        (flow_class, tfd.Distribution),
        (tfd.Distribution, flow_class),
        (flow_class, flow_class),
    ):
        tfd.RegisterKL(*pair)(_kl)


def _kl(a, b, name=None):
    are_flows = all(isinstance(part, _TransformedDistribution) for part in (a, b))
    if are_flows and a.bijector == b.bijector:
        return tfd.kl_divergence(a.distribution, b.distribution, name=name)
    raise NotImplementedError(
        f"The divergence of {a.name!r} from {b.name!r} has no closed form, for one is "
        "a flow: use tfp_flows.estimates.estimate_kl(p, q), which has a standard error."
    )
