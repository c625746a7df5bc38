"""A Keras model of a distribution."""

import os
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.eager.record import VariableWatcher  # As custom gradients do.
from tensorflow_probability import distributions as tfd

from tfp_flows.distributions import Family
from tfp_flows.models import checked_parts
from tfp_flows.models.compiled import Compiled
from tfp_flows.models.export import export_model
from tfp_flows.models.fitting import Fitting
from tfp_flows.models.serialized import Serialized
from tfp_flows.models.summary import summary_table
from tfp_flows.objectives import Batch, Objective
from tfp_flows.random_state import (
    Seed,
    as_int32,
    as_stateless,
    checked_sample_shape,
)
from tfp_flows.variables import find_weights, keras_context, storage_ids


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowModel(Fitting, Serialized, Compiled):
    """A Keras model of a distribution, trained by ``fit``.

    The model's output is the log-probability of its input, in nats. Its loss is the
    mean negative log-likelihood (NLL), so that ``fit`` maximizes the likelihood, or
    another of the `tfp_flows.objectives` that ``compile`` is given. Every
    ``tf.Variable`` and every Keras layer found in the distribution becomes a weight of
    the model, sharing its storage; a storage that is found in two ways is one weight.

    It is compiled at once, with Adam and XLA; call ``compile`` for another optimizer.
    Data in memory are cast to the distribution's dtype, checked for shape and
    finiteness, and shuffled by an order that depends on ``seed`` and the epoch alone,
    so that a resumed run sees the rows as an uninterrupted one does.

    With a conditional `tfp_flows.distributions.Family` each point comes with a context:
    ``fit(context, x)``, ``evaluate(context, x)``, ``predict((context, x))``, streams of
    ``(context, x)``. An encoder is a Keras network that makes the context of something
    else, an image, say, or a sequence, and is trained along with the flow.

    ``save`` writes a ``.keras`` file that holds the whole model, which
    ``keras.models.load_model`` reads in a process that has imported tfp_flows. With
    the weights goes ``epoch``, how many epochs of the last `fit` had ended.

    Made in the scope of a ``tf.distribute`` strategy, it trains on several devices or
    machines as on one: the batches are those of all of them together.

    Args:
        distribution: any ``tfd.Distribution`` with something to train, of batch
            shape []; or a `tfp_flows.distributions.Family`.
        encoder: a built Keras layer or model, from what ``fit`` is given as the context
            to the ``[N, C]`` that the flow takes; ``None`` if that is the context.
        seed: of the order of the rows: an integer, or another of the kinds that
            `sample` takes; ``None`` for one of Python's generator.
        name: of the model; the distribution's if not given.

    Raises:
        TypeError: not a distribution; an encoder that is no Keras layer.
        ValueError: a distribution with a batch shape, with nothing to train, with
            Keras layers that are not built, or with a ``keras.Variable`` that TFP
            has frozen; an encoder without a conditional flow, or of another output
            size than the flow's context has.

    >>> import numpy as np, tfp_flows
    >>> flow = tfp_flows.flows.linear(2)
    >>> model = tfp_flows.FlowModel(flow)
    >>> x = np.random.default_rng(0).normal(5.0, 2.0, size=[64, 2])
    >>> model.compile(optimizer=keras.optimizers.Adam(0.1))
    >>> history = model.fit(x, batch_size=64, epochs=2, verbose=0)
    >>> history.history["loss"][1] < history.history["loss"][0]
    True
    >>> model.predict(x, verbose=0).shape
    (64,)
    """

    def __init__(
        self,
        distribution: tfd.Distribution | Family,
        *,
        encoder: keras.Layer | None = None,
        seed: Seed = 0,
        name: str | None = None,
    ):
        family = checked_parts.checked_family(distribution)
        if encoder is not None:
            checked_parts.check_encoder(encoder, family)
        super().__init__(name=name or family.name, dtype=family.dtype.name)
        self._family = family
        self.encoder = encoder
        self._seed = as_int32(seed, "FlowModel: seed")
        self.networks, shared = find_weights(family)
        for weight in shared:
            self._track_variable(weight)
        self.built = True
        checked_parts.check_trainable(self, family.name)
        self._storage_ids = storage_ids(self.weights)
        self._is_adapted = False  # Not known yet; to look takes as long as a step.
        self.compile()

    @property
    def family(self) -> Family:
        """The family that is trained: a distribution for each context, or one alone."""
        return self._family

    @property
    def distribution(self) -> tfd.Distribution:
        """The distribution that is trained; a conditional one has no context yet."""
        return self._family.distribution

    def given(
        self, context: Any = None, training: bool | None = None
    ) -> tfd.Distribution:
        """Give the distribution of contexts ``[N, …]``, as `fit` takes them.

        Args:
            context: what the encoder takes, or without one the flow.
            training: of the encoder, as in Keras.

        Raises:
            ValueError: a context that is missing, not taken, or of another size.
        """
        return self._family(self._encoded(context, training))

    def _encoded(self, context, training) -> tf.Tensor | None:
        if context is None:
            return None
        context = tf.convert_to_tensor(context)
        if context.shape.rank == 0:
            raise ValueError(
                f"{self.name!r}: contexts must have shape [N, …], but one without a "
                "shape was given."
            )
        if self.encoder is not None:
            context = self.encoder(context, training=training)
        return tf.cast(context, self._family.dtype)

    def call(
        self,
        points: Any,
        training: bool | None = None,
        objective: Objective | None = None,
    ) -> tf.Tensor:
        """Give log-probabilities in nats, ``[N]``, of points ``[N, *event_shape]``.

        Args:
            points: the points; for a conditional flow the contexts and the points; or
                a `tfp_flows.objectives.Batch`.
            training: as in Keras.
            objective: gives what is returned for each row instead of the
                log-probability.
        """
        batch = self._as_batch(points)
        # No tape: programs apart would then have gradients that nobody asks for.
        with keras_context.known_to_keras(), VariableWatcher() as used:
            # The identity: TFP remembers what it made of a tensor, and replicas that
            # share one would find what another replica's tape has seen.
            x = None if batch.x is None else tf.identity(batch.x)
            batch = batch._replace(x=x, context=self._encoded(batch.context, training))
            if objective is None:
                values = self._family(batch.context).log_prob(batch.x)
            else:
                values = objective.per_row(self._family, batch, training=bool(training))
        self._refuse_unseen(used.watched_variables())
        return values

    def _as_batch(self, points) -> Batch:
        if isinstance(points, Batch):
            return points
        if not self._family.is_conditional:
            return Batch(points)
        if not isinstance(points, tuple | list) or len(points) != 2:
            raise ValueError(
                "A conditional flow is called with a pair, model((context, x)), but "
                f"got {type(points).__name__}."
            )
        context, x = points
        return Batch(x, context)

    def _refuse_unseen(self, used) -> None:
        if tf.distribute.in_cross_replica_context():
            return  # The watcher names the copies of each replica, which Keras holds.
        seen = self._storage_ids | storage_ids(self._objective.variables)
        unseen = [v.name for v in used if id(v) not in seen]
        if unseen:
            raise ValueError(
                f"log_prob of {self._family.name!r} uses variables that cannot "
                f"be found in it and would not be trained or saved: {unseen}. A "
                "function hides what it closes over; wrap a Keras layer in "
                "tfp_flows.KerasModule and hold it in a tf.Module."
            )

    def sample(
        self, num_samples: int, *, context: Any = None, seed: Seed = None
    ) -> tf.Tensor:
        """Draw ``[num_samples, *event_shape]``.

        Args:
            num_samples: how many.
            context: for a conditional flow ``[M, …]``, as `fit` takes it; the samples
                then have the shape ``[num_samples, M, *event_shape]``.
            seed: an integer of any size, a pair of them or a tensor of two: the same
                give the same samples at every call (TFP's own integer seeds do not); a
                ``keras.random.SeedGenerator``; or ``None``.

        Raises:
            TypeError: a number of samples that is no integer.
            ValueError: a context that is missing, not taken, or of another size; no
                such seed; a negative number of samples.
        """
        where = f"{self.name!r}.sample"
        num_samples = checked_sample_shape(num_samples, where)
        if seed is not None:
            seed = as_stateless(seed, where)
        return self.given(context).sample(num_samples, seed=seed)

    def export(self, filepath: str | os.PathLike, **kwargs: Any) -> None:
        """Write a SavedModel, a folder that TensorFlow alone can load and serve.

        What ``tf.saved_model.load`` gives has the functions ``log_prob(x)`` and
        ``sample(n, seed)``, for a conditional flow ``log_prob(context, x)`` and
        ``sample(context, n, seed)``; n and seed are integers of type int32, and class
        labels, if the encoder is a `tfp_flows.networks.OneHot`, of int64. A label
        that is no class gives NaN there.

        Args:
            filepath: of the folder.
            **kwargs: ``format``, which must be ``"tf_saved_model"``.

        Raises:
            ValueError: another format; a path that is a file; an encoder whose input
                has no known shape.
        """
        if kwargs.pop("format", "tf_saved_model") != "tf_saved_model" or kwargs:
            raise ValueError(
                "FlowModel.export writes a SavedModel and takes no other format or "
                f"option, but got {kwargs or 'another format'}."
            )
        export_model(self, filepath)

    def summary(self, line_length: int = 88, print_fn: Callable = print) -> None:
        """Print each part of the distribution with its number of parameters.

        Args:
            line_length: width of the table.
            print_fn: called with the text, instead of ``print``.
        """
        print_fn(summary_table(self._family, self.name, line_length, self.encoder))
