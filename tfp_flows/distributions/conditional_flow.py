"""A flow that depends on a context."""

from collections.abc import Iterator, Mapping

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd


class ConditionalFlow(tf.Module):
    """A family of flows, one for each context: p(x | c).

    Called with a context it gives a distribution, most often a
    ``tfd.TransformedDistribution``, whose batch shape is the context's: four contexts,
    ``[4, C]``, give four densities, ``sample(7)`` has the shape ``[7, 4, D]``, and
    ``log_prob`` of ``[4, D]`` the shape ``[4]``, point i under context i.

    Its variables are those of the flow; whatever was called shares them.

    Args:
        flow: a ``tfd.TransformedDistribution``, or a distribution around one, such as
            `Dequantized`, that holds bijectors which take a context (couplings and
            autoregressive layers whose conditioner has a ``context_size``, and
            `tfp_flows.bijectors.Conditional`), and have none yet. They are found
            wherever TFP's ``parameters`` lead: in chains and inverses, nested as deep
            as you like, and in the base; but not in another `ConditionalFlow`, whose
            context is its own.
        name: of the flow.

    Raises:
        TypeError: no ``tfd.Distribution``.
        ValueError: no bijector that takes a context, or two that take contexts of
            unlike sizes; a call with a context of another size.

    >>> import tensorflow as tf, tfp_flows
    >>> flow = tfp_flows.flows.maf(2, context_size=3, num_layers=2, seed=0)
    >>> four = flow(tf.ones([4, 3]))
    >>> four.batch_shape, four.sample(7, seed=[0, 1]).shape
    (TensorShape([4]), TensorShape([7, 4, 2]))
    """

    def __init__(self, flow: tfd.Distribution, name: str | None = None):
        if not isinstance(flow, tfd.Distribution):
            raise TypeError(
                "ConditionalFlow takes a tfd.Distribution, most often a "
                f"tfd.TransformedDistribution, but got {type(flow).__name__}."
            )
        super().__init__(name=name or flow.name)
        sizes = {
            f"{type(part).__name__} {part.name!r}": part.context_size
            for part in _takers(flow)
        }
        if not sizes:
            raise ValueError(
                f"ConditionalFlow: no bijector in {flow.name!r} takes a context. Give "
                "the conditioners a context_size, or wrap a bijector that has none in "
                "tfp_flows.bijectors.Conditional."
            )
        if len(set(sizes.values())) > 1:
            raise ValueError(
                f"ConditionalFlow: the bijectors of {flow.name!r} take contexts of "
                f"unlike sizes: {sizes}."
            )
        self._flow = flow
        self._context_size = next(iter(sizes.values()))

    @property
    def flow(self) -> tfd.Distribution:
        """The flow as it was given, without a context."""
        return self._flow

    @property
    def parameters(self) -> dict:
        """The arguments of the constructor, as TFP's classes have them."""
        return {"flow": self._flow, "name": self.name}

    @property
    def context_size(self) -> int:
        """C."""
        return self._context_size

    @property
    def event_shape(self) -> tf.TensorShape:
        """Of one point."""
        return self._flow.event_shape

    @property
    def dtype(self) -> tf.DType:
        """Of points and contexts."""
        return self._flow.dtype

    def __call__(self, context) -> tfd.Distribution:
        """The flow given a context ``[..., C]``."""
        context = tf.convert_to_tensor(context, dtype_hint=self.dtype)
        if context.dtype != self.dtype:
            raise TypeError(
                f"{self.name!r} is {self.dtype.name}, but the context is "
                f"{context.dtype.name}: cast it."
            )
        if not context.shape.rank or context.shape[-1] != self.context_size:
            raise ValueError(
                f"{self.name!r} takes a context of shape [..., {self.context_size}], "
                f"but got shape {tuple(context.shape)}."
            )
        given = with_context(self._flow, context)
        if not given.batch_shape.is_compatible_with(context.shape[:-1]):
            raise ValueError(
                f"{self.name!r}: contexts of batch shape {tuple(context.shape[:-1])} "
                f"give a flow of batch shape {given.batch_shape}: a bijector around "
                "those that take the context hides their batch shape (tfb.Blockwise "
                "does)."
            )
        return given


def with_context(part, context):
    """``part`` with the context given to all bijectors in it that take one.

    Args:
        part: a bijector or distribution, or what holds them: a list, a tuple, a dict.
        context: ``[..., C]``.

    Returns:
        ``part`` itself if nothing in it takes a context, else a copy.
    """
    if _takes_context(part):
        return part.copy(context=context)
    if isinstance(part, tfb.Bijector | tfd.Distribution):
        old = part.parameters
        new = {name: with_context(value, context) for name, value in old.items()}
        changed = {name: new[name] for name in new if new[name] is not old[name]}
        return part.copy(**changed) if changed else part
    if isinstance(part, Mapping):
        new = {key: with_context(value, context) for key, value in part.items()}
        return new if any(new[key] is not part[key] for key in new) else part
    if isinstance(part, list | tuple):
        new = [with_context(value, context) for value in part]
        return part if all(a is b for a, b in zip(new, part, strict=True)) else new
    return part


def _takers(part) -> Iterator[tfb.Bijector]:
    """The bijectors to which `with_context` would give a context."""
    if _takes_context(part):
        yield part
        return
    if isinstance(part, tfb.Bijector | tfd.Distribution):
        part = part.parameters
    if isinstance(part, Mapping):
        part = list(part.values())
    if isinstance(part, list | tuple):
        for value in part:
            yield from _takers(value)


def _takes_context(part) -> bool:
    return (
        isinstance(part, tfb.Bijector)
        and getattr(part, "context_size", None) is not None
        and getattr(part, "context", None) is None
    )
