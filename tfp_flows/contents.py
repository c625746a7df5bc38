"""All that ``import tfp_flows`` loads, TensorFlow and Keras among it.

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

import tfp_flows.bijectors as bijectors  # noqa: E402
import tfp_flows.conditioners as conditioners  # noqa: E402
import tfp_flows.distributions as distributions  # noqa: E402
import tfp_flows.estimates as estimates  # noqa: E402
import tfp_flows.flows as flows  # noqa: E402
import tfp_flows.networks as networks  # noqa: E402
import tfp_flows.objectives as objectives  # noqa: E402
import tfp_flows.saving as saving  # noqa: E402
from tfp_flows.models.flow_layer import FlowLayer  # noqa: E402
from tfp_flows.models.flow_model import FlowModel  # noqa: E402
from tfp_flows.models.loading import load_model  # noqa: E402
from tfp_flows.variables import KerasModule  # noqa: E402
from tfp_flows.warning_categories import DataWarning  # noqa: E402

__all__ = [
    "DataWarning",
    "FlowLayer",
    "FlowModel",
    "KerasModule",
    "bijectors",
    "conditioners",
    "distributions",
    "estimates",
    "flows",
    "load_model",
    "networks",
    "objectives",
    "saving",
]
