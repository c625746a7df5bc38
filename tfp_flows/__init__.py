"""Every normalizing flow as a TFP bijector, trained with Keras 3 ``fit``.

>>> import tfp_flows
>>> flow = tfp_flows.flows.real_nvp(2, num_layers=2, seed=0)
>>> flow.sample(5).shape
TensorShape([5, 2])
"""

import importlib
import os

__version__ = "0.1.0"

_BACKEND_ERROR = (
    "tfp_flows builds on TensorFlow Probability and needs Keras with the TensorFlow "
    "backend, but the Keras backend is {found!r}. Set the environment variable "
    "KERAS_BACKEND=tensorflow (or the 'backend' of keras.json) before Keras is "
    "imported."
)

# Asked before Keras is imported: with another backend that import may itself fail,
# with an error that does not name the cause.
if (os.environ.get("KERAS_BACKEND") or "tensorflow") != "tensorflow":
    raise ImportError(_BACKEND_ERROR.format(found=os.environ["KERAS_BACKEND"]))

import keras  # noqa: E402

if keras.config.backend() != "tensorflow":
    raise ImportError(_BACKEND_ERROR.format(found=keras.config.backend()))

from tfp_flows import (  # noqa: E402
    bijectors,
    conditioners,
    distributions,
    flows,
    networks,
    objectives,
    saving,
)
from tfp_flows.models.flow_layer import FlowLayer  # noqa: E402
from tfp_flows.models.flow_model import FlowModel  # noqa: E402
from tfp_flows.variables import KerasModule  # noqa: E402

# Loaded when first used: a program that only trains needs neither.
_LAZY = ("datasets", "testing", "visualization")


def __getattr__(name: str):
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])


__all__ = [
    "FlowLayer",
    "FlowModel",
    "KerasModule",
    "bijectors",
    "conditioners",
    "datasets",
    "distributions",
    "flows",
    "networks",
    "objectives",
    "saving",
    "testing",
    "visualization",
]
