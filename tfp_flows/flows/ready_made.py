"""The signature of a ready-made flow, with the arguments that all share."""

import dataclasses
import difflib
import functools
import inspect
import typing
from collections.abc import Callable
from typing import TypeVar

from tfp_flows.flows.assembly import Assembly

F = TypeVar("F", bound=Callable)


def ready_made(function: F) -> F:
    """Show the shared arguments in a flow's signature, and refuse any others.

    Args:
        function: a ready-made flow, whose last parameter is
            ``**options: Unpack[FlowOptions]``, or of a subclass.

    Raises:
        TypeError: at a call, an argument that the flow does not have.
    """
    signature = _full_signature(function)

    @functools.wraps(function)
    def checked(*args, **kwargs):
        for name in kwargs:
            _require_known(name, list(signature.parameters), function.__name__)
        return function(*args, **kwargs)

    setattr(checked, "__signature__", signature)  # noqa: B010
    return typing.cast(F, checked)


def _full_signature(function: Callable) -> inspect.Signature:
    signature = inspect.signature(function)
    *parameters, options = signature.parameters.values()
    (shared,) = typing.get_args(options.annotation)
    annotations = typing.get_type_hints(shared)
    parameters += [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=annotations[field.name],
        )
        for field in dataclasses.fields(Assembly)
        if field.name in annotations
    ]
    return signature.replace(parameters=parameters)


def _require_known(name: str, known: list[str], flow: str) -> None:
    if name in known:
        return
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"it has {', '.join(known)}."
    raise TypeError(f"flows.{flow} has no argument {name!r}; {hint}")
