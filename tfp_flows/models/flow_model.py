"""A Keras model of a distribution."""

import os
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import keras_context
from tfp_flows.distributions import Family
from tfp_flows.models import checked_parts, data, execution, strategies
from tfp_flows.models.export import export_model
from tfp_flows.models.fitting import Fitting
from tfp_flows.models.metrics import as_metrics
from tfp_flows.models.serialized import Serialized
from tfp_flows.models.summary import summary_table
from tfp_flows.objectives import Batch, BatchSpec, MaximumLikelihood, Objective
from tfp_flows.objectives.function_objective import as_objective
from tfp_flows.variables import find_weights, storage_ids


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowModel(Fitting, Serialized):
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
        seed: an integer, of the order of the rows.
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
        seed: int = 0,
        name: str | None = None,
    ):
        family = checked_parts.checked_family(distribution)
        if encoder is not None:
            checked_parts.check_encoder(encoder, family)
        super().__init__(name=name or family.name, dtype=family.dtype.name)
        self._family = family
        self.encoder = encoder
        self._seed = checked_parts.checked_seed(seed)
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

    @property
    def objective(self) -> Objective:
        """The objective that `fit` minimizes."""
        return self._objective

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

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        *,
        metrics: Any = None,
        jit_compile: bool | str = "auto",
        steps_per_execution: int | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Compile as Keras does; no loss is needed, XLA is on unless it cannot run.

        Args:
            optimizer: as in Keras; Adam with its learning rate of 0.001 by default.
            loss: a `tfp_flows.objectives.Objective`, or a function of (family, batch,
                training=…) that gives a number for each row; maximum likelihood if
                not given.
            metrics: a list of ``"nats"``, ``"nats_per_dimension"`` and
                ``"bits_per_dimension"``, the NLL in these units; or Keras metrics,
                whose ``update_state`` gets log-probabilities for both of its
                arguments. With the weights of the rows.
            jit_compile: ``"auto"`` compiles with XLA, except eagerly and under a
                strategy of more than one replica.
            steps_per_execution: how many steps run for each return to Python.
                ``"auto"`` is 8 for data in memory, the last few of an epoch fewer;
                and 1 where that could be noticed: for streams, with callbacks that
                act on batches, with a number of steps given to `fit` or `evaluate`,
                in `predict`, eagerly, and under a strategy of more than one replica.
                A number is used as it is.
            **kwargs: the other arguments of ``keras.Model.compile``.

        Raises:
            TypeError: a loss that is neither an objective nor a function; metrics that
                are no list.
            ValueError: a metric of another name, or one with an objective that needs
                no data; ``jit_compile=True`` under more than one replica.
        """
        if kwargs.get("weighted_metrics") is not None:
            raise ValueError(
                "FlowModel.compile takes no weighted_metrics: its metrics are weighted."
            )
        self._objective = MaximumLikelihood() if loss is None else as_objective(loss)
        self._is_restorable = False  # Not tried yet, by `save`.
        # As they were given, for `get_compile_config`.
        self._compiled_with = {
            "optimizer": optimizer,
            "loss": loss if loss is None else self._objective,
            "metrics": metrics,
            "jit_compile": jit_compile,
            "steps_per_execution": steps_per_execution,
            **kwargs,
        }
        replicas = self.distribute_strategy.num_replicas_in_sync
        is_graph = replicas == 1 and not kwargs.get("run_eagerly", False)
        self._chooses_steps = steps_per_execution == "auto"
        if self._chooses_steps:
            steps_per_execution = execution.DEFAULT_STEPS if is_graph else 1
        self._steps = execution.StepsPerExecution()
        super().compile(
            optimizer=optimizer,
            weighted_metrics=self._as_metrics(metrics),
            jit_compile=execution.jit_compile(jit_compile, is_graph, replicas),
            steps_per_execution=steps_per_execution,
            **kwargs,
        )
        # Now, so that `load_weights` finds variables for the optimizer's state, too.
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _as_metrics(self, metrics) -> list | None:
        size = self._family.event_shape.num_elements()
        metrics = as_metrics(metrics, size, self._family.dtype.name)
        if metrics and self._spec is None:
            raise ValueError(
                "Metrics are of the log-probabilities of data, but the objective "
                f"{type(self._objective).__name__} needs no data: compile without them."
            )
        return metrics or None

    @property
    def _spec(self) -> BatchSpec | None:
        return self._objective.batch_spec(self._family, self.encoder)

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
        with keras_context.known_to_keras(), tf.GradientTape() as tape:
            # The identity: TFP remembers what it made of a tensor, and replicas that
            # share one would find what another replica's tape has seen.
            x = None if batch.x is None else tf.identity(batch.x)
            batch = batch._replace(x=x, context=self._encoded(batch.context, training))
            if objective is None:
                values = self._family(batch.context).log_prob(batch.x)
            else:
                values = objective.per_row(self._family, batch, training=bool(training))
        self._refuse_unseen(tape.watched_variables())
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
            return  # The tape names the copies of each replica, which Keras holds.
        seen = self._storage_ids | storage_ids(self._objective.variables)
        unseen = [v.name for v in used if id(v) not in seen]
        if unseen:
            raise ValueError(
                f"log_prob of {self._family.name!r} uses variables that cannot "
                f"be found in it and would not be trained or saved: {unseen}. A "
                "function hides what it closes over; wrap a Keras layer in "
                "tfp_flows.KerasModule and hold it in a tf.Module."
            )

    def train_step(self, packed: tuple) -> dict:
        """Train one step: the loss of a batch, its gradients, an update."""
        batch = data.unpack(packed)
        with tf.GradientTape() as tape:
            values = self(batch, training=True, objective=self._objective)
            loss = self._mean_loss(values, batch.weights)
            # Keras adds the gradients of the replicas.
            replicas = self.distribute_strategy.num_replicas_in_sync
            scaled = self.optimizer.scale_loss(loss / replicas)
        weights = self.trainable_weights
        gradients = tape.gradient(scaled, weights)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return self._logs(batch, values, loss)

    def test_step(self, packed: tuple) -> dict:
        """Give the loss and the metrics of a batch."""
        batch = data.unpack(packed)
        values = self(batch, training=False, objective=self._objective)
        return self._logs(batch, values, self._mean_loss(values, batch.weights))

    def predict_step(self, packed: tuple) -> tf.Tensor:
        """Give the log-probabilities of a batch."""
        return self(data.unpack(packed), training=False)

    def _mean_loss(self, values, weights) -> tf.Tensor:
        """Take the mean of the rows, weighted as in Keras, plus the layers' losses."""
        if weights is not None:
            values = values * tf.cast(weights, values.dtype)
        losses = [tf.cast(loss, values.dtype) for loss in self.losses]
        return tf.add_n([strategies.mean_of_replica(values), *losses])

    def _logs(self, batch: Batch, values, loss) -> dict:
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(values)[0])
        log_probs = -values
        if (
            self._compiled_with["metrics"]
            and not self._objective.is_negative_log_likelihood
        ):
            log_probs = self(batch, training=False)
        logs = self.compute_metrics(None, log_probs, log_probs, batch.weights)
        return strategies.reducible(logs, self.distribute_strategy)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Do nothing: a `FlowModel` is built, with its optimizer and its metrics.

        Under a strategy Keras would build it of the mean of the replicas' rows, which
        it cannot take over several machines, nor where they have not as many rows.
        """

    def sample(
        self, num_samples: int, *, context: Any = None, seed: int | None = None
    ) -> tf.Tensor:
        """Draw ``[num_samples, *event_shape]``.

        Args:
            num_samples: how many.
            context: for a conditional flow ``[M, …]``, as `fit` takes it; the samples
                then have the shape ``[num_samples, M, *event_shape]``.
            seed: the same integer gives the same samples at every call (TFP's own
                integer seeds do not).

        Raises:
            ValueError: a context that is missing, not taken, or of another size.
        """
        stateless = None if seed is None else tf.constant([0, seed], tf.int32)
        return self.given(context).sample(num_samples, seed=stateless)

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
