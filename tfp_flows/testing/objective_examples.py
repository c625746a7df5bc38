"""One example of each objective, for the generic tests and for readers."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfp_flows import objectives
from tfp_flows.distributions import Family
from tfp_flows.objectives import Batch, Objective


@keras.saving.register_keras_serializable(package="tfp_flows.testing")
def robust(family: Family, batch: Batch, *, training: bool) -> tf.Tensor:
    """The NLL, at most about 10: outliers do not count."""
    nll = -family(batch.context).log_prob(batch.x)
    return 10.0 - tf.nn.softplus(10.0 - nll)


OBJECTIVE_EXAMPLES: dict[str, Callable[[], Objective]] = {
    "FunctionObjective": lambda: objectives.FunctionObjective(robust),
    "MaximumLikelihood": objectives.MaximumLikelihood,
}
