"""All that ``import tfp_flows`` gives, and loads: TensorFlow and Keras among it.

It is apart from ``tfp_flows`` for the command, which reads its arguments before.
"""

import os

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

__all__ = [
    "FlowLayer",
    "FlowModel",
    "KerasModule",
    "bijectors",
    "conditioners",
    "distributions",
    "flows",
    "networks",
    "objectives",
    "saving",
]
