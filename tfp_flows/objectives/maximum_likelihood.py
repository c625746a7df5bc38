"""Maximum likelihood."""

import keras
import tensorflow as tf

from tfp_flows.distributions import Family
from tfp_flows.objectives.batch import Batch
from tfp_flows.objectives.objective import Objective


@keras.saving.register_keras_serializable(package="tfp_flows")
class MaximumLikelihood(Objective):
    """The negative log-likelihood (NLL) of each point, −log p(x | c), in nats.

    Its mean over the data is, but for a constant, the Kullback–Leibler divergence from
    their distribution to the model. A `FlowModel` minimizes it if nothing else is
    said. If the distribution's ``log_prob`` is a lower bound, as that of
    `tfp_flows.distributions.Dequantized`, it is an upper bound of the NLL.

    >>> import tfp_flows
    >>> model = tfp_flows.FlowModel(tfp_flows.flows.linear(2))
    >>> model.compile(loss=tfp_flows.objectives.MaximumLikelihood())
    """

    is_negative_log_likelihood = True

    def per_row(self, family: Family, batch: Batch, *, training: bool) -> tf.Tensor:
        """The NLL of each row, in nats."""
        return -family(batch.context).log_prob(batch.x)
