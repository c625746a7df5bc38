"""The signature and the docstring of a ready-made flow, with what all flows share."""

import dataclasses
import difflib
import functools
import inspect
import re
import typing
from collections.abc import Callable, Iterable
from typing import TypeVar

from tfp_flows.flows.arguments import ARGUMENTS, ERRORS
from tfp_flows.flows.assembly import Assembly

F = TypeVar("F", bound=Callable)

# An argument and its description, in a docstring.
_ENTRY = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


def ready_made(function: F) -> F:
    """Show the shared arguments of a flow, and refuse any others.

    Args:
        function: a ready-made flow, whose last parameter is
            ``**options: Unpack[FlowOptions]``, or of a subclass. Its docstring
            describes the arguments that `ARGUMENTS` does not, or otherwise, and has an
            example.

    Raises:
        TypeError: at a call, an argument that the flow does not have.
        KeyError: an argument that is described nowhere.
    """
    signature = _full_signature(function)
    names = list(signature.parameters)

    @functools.wraps(function)
    def checked(*args, **kwargs):
        for name in kwargs:
            _require_known(name, names, function.__name__)
        return function(*args, **kwargs)

    setattr(checked, "__signature__", signature)  # noqa: B010
    checked.__doc__ = _full_docstring(inspect.getdoc(function) or "", names)
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


def _full_docstring(docstring: str, names: Iterable[str]) -> str:
    """The docstring with all arguments, in their order, and the errors."""
    text, example, end = docstring.partition(">>> ")
    text, _, entries = text.partition("Args:\n")
    described = ARGUMENTS | dict(_ENTRY.findall(entries))
    arguments = "".join(f"    {name}: {described[name]}\n" for name in names)
    return f"{text}Args:\n{arguments}\nRaises:\n{ERRORS}\n{example}{end}"


def _require_known(name: str, known: list[str], flow: str) -> None:
    if name in known:
        return
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"it has {', '.join(known)}."
    raise TypeError(f"flows.{flow} has no argument {name!r}; {hint}")
