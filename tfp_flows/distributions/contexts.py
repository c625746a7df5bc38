"""Contexts given to the bijectors of a distribution that take one."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd


@runtime_checkable
class TakesContext(Protocol):
    """A bijector that may take a context, by ``copy(context=…)``.

    Attributes:
        context_size: its size; ``None`` if the bijector takes none.
        context: the one that it has been given.
    """

    context_size: int | None
    context: Any


def common_context_size(distribution: tfd.Distribution) -> int | None:
    """Find the size of the context that bijectors take; ``None`` if none takes one.

    Raises:
        ValueError: bijectors that take contexts of unlike sizes.
    """
    sizes = {
        f"{type(part).__name__} {part.name!r}": part.context_size
        for part in _takers(distribution)
    }
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"Family: the bijectors of {distribution.name!r} take contexts of unlike "
            f"sizes: {sizes}."
        )
    return next(iter(sizes.values()), None)


def with_context(part: Any, context: Any) -> Any:
    """Give ``part`` with the context given to all bijectors in it that take one.

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
        update = {name: new[name] for name in new if new[name] is not old[name]}
        return part.copy(**update) if update else part
    if isinstance(part, Mapping):
        new = {key: with_context(value, context) for key, value in part.items()}
        return new if any(new[key] is not part[key] for key in new) else part
    if isinstance(part, list | tuple):
        values = [with_context(value, context) for value in part]
        is_same = all(a is b for a, b in zip(values, part, strict=True))
        return part if is_same else values
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
        and isinstance(part, TakesContext)
        and part.context_size is not None
        and part.context is None
    )
