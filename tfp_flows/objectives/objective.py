"""The base class of objectives."""

import abc
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfp_flows.distributions import Family
from tfp_flows.objectives.batch import Batch, BatchSpec


class Objective(abc.ABC):
    """A function of a family, and mostly of data, that ``FlowModel.fit`` minimizes.

    Loss: the mean of `per_row` over the rows of a batch, each times its weight, and the
    losses that Keras layers add.

    To write one: subclass, define `per_row`, decorate the class with
    ``keras.saving.register_keras_serializable(package=…)``, and let `get_config` give
    the arguments of the constructor. ``model.compile(loss=MyObjective())`` then trains
    it, and a saved model holds it.

    >>> import tfp_flows
    >>> @keras.saving.register_keras_serializable(package="docs")
    ... class FarPoints(tfp_flows.objectives.Objective):
    ...     def __init__(self, power):
    ...         self.power = power
    ...     def per_row(self, family, batch, *, training):
    ...         nll = -family(batch.context).log_prob(batch.x)
    ...         return nll * tf.norm(batch.x, axis=-1) ** self.power
    ...     def get_config(self):
    ...         return {"power": self.power}
    >>> model = tfp_flows.FlowModel(tfp_flows.flows.linear(2))
    >>> model.compile("sgd", loss=FarPoints(0.5))
    >>> history = model.fit(tf.ones([8, 2]), verbose=0)
    """

    # Whether `per_row` is the negative log-likelihood of the rows. Metrics then take it
    # from there; else they evaluate the density once more.
    is_negative_log_likelihood = False

    # Variables of either kind that are saved with the model, such as multipliers and
    # schedules. The optimizer leaves them alone: what it is to train is the family's.
    variables: Sequence = ()

    def batch_spec(
        self, family: Family, encoder: keras.Layer | None
    ) -> BatchSpec | None:
        """Say what a batch must be: points, with contexts if the family takes them.

        ``None`` says that no data are needed: ``fit(steps_per_epoch=…)``.

        Args:
            family: the family that is trained.
            encoder: the model's, or ``None``.
        """
        return BatchSpec.of_density(family, encoder)

    @abc.abstractmethod
    def per_row(self, family: Family, batch: Batch, *, training: bool) -> tf.Tensor:
        """Give the number to minimize for each row, ``[N]``.

        Args:
            family: the family that is trained.
            batch: tensors, as `batch_spec` asks for them; the context is what the
                encoder made of it. Weights are not to be multiplied: the model does.
            training: whether it is a step of training, as in Keras.
        """

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Give callbacks that each `fit` runs, before the user's."""
        return []

    def get_config(self) -> dict:
        """The arguments of the constructor, for saving, as in Keras."""
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Objective":
        """Make an objective of what `get_config` gave."""
        return cls(**config)
