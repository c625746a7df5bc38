"""Every normalizing flow as a TFP bijector, trained with Keras 3 ``fit``.

>>> import tfp_flows
>>> flow = tfp_flows.flows.real_nvp(2, num_layers=2, seed=0)
>>> flow.sample(5).shape
TensorShape([5, 2])
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from tfp_flows.version import VERSION

__version__ = VERSION


def _is_command() -> bool:
    """Whether this process is ``tfp-flows`` or ``python -m tfp_flows``."""
    if "tfp_flows_command" in sys.modules:
        return True
    program, *rest = getattr(sys, "argv", None) or [""]
    # "-m" while Python imports the module that it is to run.
    return program == "-m" and sys.orig_argv[-1 - len(rest) :][:1] == [__name__]


# The command reads its arguments first, for TensorFlow takes seconds. All others have
# everything at once: Keras imports no module that a file names, but finds the classes
# that are registered when it reads the file.
if TYPE_CHECKING or not _is_command():
    from tfp_flows.contents import (
        DataWarning,
        FlowLayer,
        FlowModel,
        KerasModule,
        bijectors,
        conditioners,
        distributions,
        estimates,
        flows,
        load_model,
        networks,
        objectives,
        saving,
    )

# Loaded when first used: a program that only trains needs neither.
_LAZY = ("datasets", "testing", "visualization")

__all__ = [
    "DataWarning",
    "FlowLayer",
    "FlowModel",
    "KerasModule",
    "bijectors",
    "conditioners",
    "datasets",
    "distributions",
    "estimates",
    "flows",
    "load_model",
    "networks",
    "objectives",
    "saving",
    "testing",
    "visualization",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.contents"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
