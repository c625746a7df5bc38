"""A flow taken apart: its base, and its bijectors in the order of application."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd


class Part(NamedTuple):
    """A part of a distribution, and what summaries call it."""

    label: str
    part: object


@runtime_checkable
class HasParts(Protocol):
    """A distribution, or a bijector, that knows what it is made of."""

    def parts(self) -> list[Part]:
        """The parts, in the order of application."""


def parts(flow: Any) -> list[Part]:
    """The parts of a distribution or a bijector, in the order of application.

    >>> from tfp_flows import flows
    >>> [label for label, _ in parts(flows.nice(2, num_layers=2, seed=0))]
    ['standard_normal', 'coupling', 'coupling', 'scale']
    """
    if isinstance(flow, HasParts):
        return flow.parts()
    if not is_transformed(flow):
        return [Part(flow.name, flow)]
    base, bijectors = stages(flow)
    return [part for stage in (base, *bijectors) for part in parts(stage)]


def class_name(part: Any) -> str:
    """The class of a part for a reader, with ⁻¹ for an inverse.

    >>> class_name(tfb.Invert(tfb.Shift(1.0)))
    'Shift⁻¹'
    """
    if is_a(part, tfb.Invert):
        return f"{class_name(part.bijector)}⁻¹"
    return type(part).__name__.lstrip("_")


def stages(flow: Any) -> tuple[tfd.Distribution, list[tfb.Bijector]]:
    r"""The base of a flow and its bijectors, in the order in which they are applied.

    The forward map of ``tfb.Chain([f, g])`` is f(g(z)): a chain lists its last step
    first. Here the first step comes first: ``[g, f]``. Chains within chains are
    flattened, and the inverse of a chain becomes the inverses of its parts in opposite
    order. A flow whose base is a flow is one of the stages of both.

    Args:
        flow: a ``tfd.TransformedDistribution``.

    Returns:
        The base distribution and the list of bijectors, as ``plot_stages`` takes them.

    Raises:
        TypeError: ``flow`` is no ``tfd.TransformedDistribution``.

    >>> import tensorflow_probability as tfp
    >>> tfb, tfd = tfp.bijectors, tfp.distributions
    >>> normal = tfd.Sample(tfd.Normal(0.0, 1.0), [2])
    >>> flow = tfd.TransformedDistribution(
    ...     normal, tfb.Chain([tfb.Shift(1.0), tfb.Scale(2.0)]))
    >>> base, bijectors = stages(flow)
    >>> [bijector.name for bijector in bijectors]
    ['scale', 'shift']
    """
    if not is_a(flow, tfd.TransformedDistribution):
        raise TypeError(
            "flow must be a tfd.TransformedDistribution (a base and a bijector), but "
            f"got {type(flow).__name__}."
        )
    base, bijectors = flow.distribution, in_order(flow.bijector)
    if is_transformed(base):
        base, inner = stages(base)
        bijectors = [*inner, *bijectors]
    return base, bijectors


def in_order(bijector: Any) -> list:
    """The parts of a chain, in the order in which ``forward`` applies them.

    Chains within chains are flattened, and the inverse of a chain is taken apart, too.

    Args:
        bijector: any bijector; one that is no chain is its own only part.
    """
    if is_a(bijector, tfb.Chain):
        return [step for part in bijector.bijectors[::-1] for step in in_order(part)]
    if is_a(bijector, tfb.Invert):
        return [_inverse(step) for step in in_order(bijector.bijector)[::-1]]
    return [bijector]


def _inverse(bijector):
    is_inverse = is_a(bijector, tfb.Invert)
    return bijector.bijector if is_inverse else tfb.Invert(bijector)


def is_a(part: Any, cls: type) -> bool:
    """Tells whether ``part`` was made by TFP's ``cls``, or by a subclass of it.

    Around parts that are no composite tensors, which most bijectors outside TFP are
    not, the constructor of ``Chain`` gives a ``_Chain``, the base class of ``Chain``;
    and so for ``Invert`` and ``TransformedDistribution``. `tfp_flows.bijectors.Chain`,
    `tfp_flows.bijectors.Invert` and `tfp_flows.distributions.Flow` are subclasses of
    these.
    """
    base = cls.__bases__[0]
    return isinstance(part, base if base.__name__ == f"_{cls.__name__}" else cls)


def is_transformed(distribution: Any) -> bool:
    """Tells whether a distribution is a base and a bijector for a reader, and no more.

    ``tfd.MultivariateNormalDiag``, a subclass of TFP's class, is one part.
    """
    cls = tfd.TransformedDistribution
    return type(distribution) is cls or (
        is_a(distribution, cls) and not isinstance(distribution, cls)
    )
