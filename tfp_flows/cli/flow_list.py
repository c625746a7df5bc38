"""The ready-made flows of vectors, of which the command offers a choice."""

import inspect
from collections.abc import Callable

from tfp_flows import flows


def flows_of_vectors() -> dict[str, str]:
    """The flows that need an event size and no more, each with what it is."""
    return {
        name: _first_line(getattr(flows, name))
        for name in flows.__all__
        if required_arguments(name) == ["event_size"]
    }


def _first_line(flow: Callable) -> str:
    return (inspect.getdoc(flow) or "").partition("\n")[0].rstrip(".")


def required_arguments(name: str) -> list[str]:
    """Give the arguments without a default."""
    parameters = inspect.signature(getattr(flows, name)).parameters.values()
    return [p.name for p in parameters if p.default is inspect.Parameter.empty]
