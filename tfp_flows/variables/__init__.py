"""Where the two worlds of variables meet, and the only place where they do.

TFP sees ``tf.Variable``s held in a tree of ``tf.Module``s; Keras 3 sees
``keras.Variable``s held in a tree of ``keras.Layer``s. Neither sees into the other.

* Keras → TFP: `KerasModule` makes a layer's weights visible to TFP.
* TFP → Keras: `SharedVariable` is a Keras weight whose storage is an existing
  ``tf.Variable``; `find_weights` collects both kinds from any TFP object.
* `keras_context` refuses what a Keras model calls in ``fit`` and would not train.
"""

from tfp_flows.variables.description import Described, describe, require_same
from tfp_flows.variables.keras_module import KerasModule, network_of
from tfp_flows.variables.policies import as_policy, dtype_mistake
from tfp_flows.variables.references import as_reference, common_dtype
from tfp_flows.variables.shared_variable import SharedVariable
from tfp_flows.variables.structure import NoStructureError, structure_of
from tfp_flows.variables.weights import (
    Weights,
    find_weights,
    num_elements,
    storage_ids,
)
from tfp_flows.variables.weights_of_now import with_weights_of_now

__all__ = [
    "Described",
    "KerasModule",
    "NoStructureError",
    "SharedVariable",
    "Weights",
    "as_policy",
    "as_reference",
    "common_dtype",
    "describe",
    "dtype_mistake",
    "find_weights",
    "network_of",
    "num_elements",
    "require_same",
    "storage_ids",
    "structure_of",
    "with_weights_of_now",
]
