"""The classes and functions that a file may name, and their names."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors, distributions
from tfp_flows.networks.autoregressive.masked_autoregressive_template import (
    MaskedAutoregressiveTemplate,
)
from tfp_flows.networks.image.glow_template import GlowTemplate
from tfp_flows.networks.real_nvp_template import RealNVPTemplate

# Objects that are written as their class and their ``parameters``, the arguments of the
# constructor.
KINDS = (tf.Module,)

# Where the classes of such objects come from: the first part of their names, a module,
# and the base class of those that are meant.
_MODULES = (
    ("tfb", tfb, tfb.Bijector),
    ("tfd", tfd, tfd.Distribution),
    ("tfp_flows.bijectors", bijectors, KINDS),
    ("tfp_flows.distributions", distributions, KINDS),
)
# Classes that are made by a function, and are not themselves public.
_TEMPLATES = (GlowTemplate, MaskedAutoregressiveTemplate, RealNVPTemplate)

_REGISTERED: dict[str, type | Callable] = {}

_T = TypeVar("_T", bound=Callable)


def register(package: str) -> Callable[[_T], _T]:
    """A decorator for what files may name besides TFP's classes and ours.

    It is for a bijector or distribution of one's own, which must hand the arguments of
    its constructor to TFP as ``parameters``; for another ``tf.Module``, with an
    attribute ``parameters`` of that kind, that one of them is made with; and for a
    named function.
    The process that reads the file must have imported the module, too.

    Args:
        package: put before the name, so that names do not clash.

    Raises:
        TypeError: neither such a class nor a function.
        ValueError: the name is taken by another.

    >>> import tfp_flows
    >>> @register("mine")
    ... class Double(tfp_flows.bijectors.Bijector):
    ...     def __init__(self, validate_args=False, name="double"):
    ...         super().__init__(dict(locals()), event_ndims=0)
    """

    def decorate(value: _T) -> _T:
        if not _can_be_named(value):
            raise TypeError(
                "saving.register takes a class of bijectors, distributions or "
                f"tf.Modules, or a named function, but got {value!r}."
            )
        name = f"{package}>{value.__name__}"
        other = _REGISTERED.setdefault(name, value)
        if _origin(other) != _origin(value):
            raise ValueError(f"saving.register: {name!r} is taken by {other!r}.")
        _REGISTERED[name] = value  # Anew where a notebook's cell is run again.
        return value

    return decorate


def _can_be_named(value: Any) -> bool:
    if isinstance(value, type):
        return issubclass(value, KINDS)
    # Every lambda has the name of all others.
    return callable(value) and getattr(value, "__name__", "<lambda>") != "<lambda>"


def _origin(value: Any) -> tuple[str, str]:
    return value.__module__, value.__qualname__


def _registered_name(value: Any) -> str | None:
    names = (name for name, other in _REGISTERED.items() if other is value)
    return next(names, None)


def class_name(cls: type, where: str) -> str:
    """The name of a class in a file.

    Raises:
        ValueError: a class that files may not name.
    """
    name = _names().get(cls) or _registered_name(cls)
    if name is None:
        raise ValueError(
            f"{where} cannot be saved: its class {cls.__module__}.{cls.__qualname__} "
            "is neither TFP's nor ours. Decorate it with "
            "@tfp_flows.saving.register(…)."
        )
    return name


def function_name(value: Callable, where: str) -> str:
    """The name of a registered function in a file.

    Raises:
        ValueError: a function that is not registered.
    """
    name = _registered_name(value)
    if name is None:
        raise ValueError(
            f"{where} cannot be saved: it is the function {value!r}. A lambda or a "
            "function of your own cannot be in a file; use a bijector or layer, "
            "or decorate a named function with @tfp_flows.saving.register(…)."
        )
    return name


def class_of(name: str) -> type:
    """The class that a file names.

    Raises:
        ValueError: none that files may name.
    """
    cls = _classes().get(name) or _REGISTERED.get(name)
    if not isinstance(cls, type):
        raise ValueError(
            f"The saved flow names the class {name!r}, which is neither TFP's, nor "
            "ours, nor registered here by tfp_flows.saving.register: import the module "
            "that defines it, or do not trust the file."
        )
    return cls


def function_of(name: str) -> Callable:
    """The registered function that a file names.

    Raises:
        ValueError: there is none.
    """
    function = _REGISTERED.get(name)
    if function is None or isinstance(function, type):
        raise ValueError(
            f"The saved flow names the function {name!r}, which is not registered "
            "here: import the module that defines it."
        )
    return function


@functools.cache
def _classes() -> dict[str, type]:
    """The classes that need no registration, by name."""
    classes: dict[str, type] = {}
    classes |= {f"tfp_flows.conditioners.{cls.__name__}": cls for cls in _TEMPLATES}
    for prefix, module, base in _MODULES:
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, base):
                classes[f"{prefix}.{name}"] = value
    return classes


@functools.cache
def _names() -> dict[type, str]:
    names: dict[type, str] = {}
    for name, cls in _classes().items():
        # Around parts that are no composite tensors TFP's constructors give the class
        # before the public one, `_Chain` for `Chain`.
        for base in cls.__mro__:
            if base.__name__ in (cls.__name__, f"_{cls.__name__}"):
                names.setdefault(base, name)
    return names
