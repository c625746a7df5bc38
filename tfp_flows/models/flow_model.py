"""A Keras model of a distribution."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.distributions import ConditionalFlow
from tfp_flows.models import checkpoints, data, inputs, steps, strategies
from tfp_flows.models.adapt import adapt_layers
from tfp_flows.models.callbacks import EpochNumber, completed
from tfp_flows.models.export import export_model
from tfp_flows.models.metrics import as_metrics
from tfp_flows.models.serialized import Serialized
from tfp_flows.models.summary import summary_table
from tfp_flows.variables import find_weights, storage_ids


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowModel(Serialized, keras.Model):
    """Trains a distribution by maximum likelihood with Keras ``fit``.

    The model's output is the log-probability of its input, in nats, and its loss the
    mean negative log-likelihood (NLL), without being told. Every ``tf.Variable`` and
    every Keras layer found in the distribution becomes a weight of the model, sharing
    its storage; a storage reached in two ways is one weight.

    It is compiled at once, with Adam and XLA; call ``compile`` for another optimizer.
    Data in memory are cast to the distribution's dtype, checked for shape and
    finiteness, and shuffled by an order that depends on ``seed`` and the epoch alone,
    so that a resumed run sees the rows as an uninterrupted one does.

    With a `tfp_flows.distributions.ConditionalFlow` each point comes with a context:
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
            shape []; or a `tfp_flows.distributions.ConditionalFlow`.
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
        distribution: tfd.Distribution | ConditionalFlow,
        *,
        encoder: keras.Layer | None = None,
        seed: int = 0,
        name: str | None = None,
    ):
        self._is_conditional = isinstance(distribution, ConditionalFlow)
        _require_one_density(
            distribution.flow if self._is_conditional else distribution
        )
        if encoder is not None:
            _require_encoder(encoder, distribution)
        super().__init__(name=name or distribution.name, dtype=distribution.dtype.name)
        self._distribution = distribution
        self.encoder = encoder
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise TypeError(f"FlowModel: seed must be an integer, but got {seed!r}.")
        self._seed = int(seed)
        self.networks, shared = find_weights(distribution)
        for weight in shared:
            self._track_variable(weight)
        self.built = True
        if not self.trainable_weights:
            raise ValueError(
                f"FlowModel: {distribution.name!r} has nothing to train: no trainable "
                "tf.Variable and no Keras layer was found in it. Give bijectors "
                "tf.Variables (.trainable() makes them), wrap Keras layers that a "
                "function calls in tfp_flows.KerasModule, and build legacy layers, "
                "such as tfb.AutoregressiveNetwork, before."
            )
        self._storage_ids = storage_ids(self.weights)
        self._is_adapted = False  # Not known yet; to look takes as long as a step.
        self.compile()

    @property
    def distribution(self) -> tfd.Distribution | ConditionalFlow:
        """The distribution that is trained; a conditional flow is one of contexts."""
        return self._distribution

    def given(self, context, training: bool | None = None) -> tfd.Distribution:
        """The distribution given contexts ``[N, …]``, as `fit` takes them.

        Args:
            context: what the encoder takes, or without one the flow.
            training: of the encoder, as in Keras.

        Raises:
            ValueError: the flow takes no context, or one of another size.
        """
        if not self._is_conditional:
            raise ValueError(f"{self.name!r} takes no context, but one was given.")
        context = tf.convert_to_tensor(context)
        if context.shape.rank == 0:
            raise ValueError(
                f"{self.name!r}: contexts must have shape [N, …], but one without a "
                "shape was given."
            )
        if self.encoder is not None:
            context = self.encoder(context, training=training)
        return self.distribution(tf.cast(context, self.distribution.dtype))

    def compile(
        self,
        optimizer="adam",
        *,
        metrics=None,
        jit_compile="auto",
        steps_per_execution="auto",
        **kwargs,
    ):
        """As in Keras, with no need of a loss; XLA is on unless it cannot run.

        Args:
            optimizer: as in Keras; Adam with its learning rate of 0.001 by default.
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
            TypeError: metrics that are no list.
            ValueError: a loss; a metric of another name; ``jit_compile=True`` under
                more than one replica.
        """
        for name in ("loss", "weighted_metrics"):
            if kwargs.get(name) is not None:
                raise ValueError(
                    f"FlowModel.compile takes no {name}: there are no targets, the "
                    "loss is the mean negative log-likelihood, and metrics are "
                    "weighted."
                )
        self._is_restorable = False  # Not tried yet, by `save`.
        # As they were given, for `get_compile_config`.
        self._compiled_with = {
            "optimizer": optimizer,
            "metrics": metrics,
            "jit_compile": jit_compile,
            "steps_per_execution": steps_per_execution,
            **kwargs,
        }
        replicas = self.distribute_strategy.num_replicas_in_sync
        if jit_compile == "auto":
            jit_compile = replicas == 1 and not kwargs.get("run_eagerly", False)
        elif jit_compile and replicas > 1:
            raise ValueError(
                f"XLA cannot run under a strategy of {replicas} replicas: leave "
                "jit_compile at 'auto'."
            )
        self._chooses_steps = steps_per_execution == "auto"
        if self._chooses_steps:
            graph = replicas == 1 and not kwargs.get("run_eagerly", False)
            steps_per_execution = steps.AT_ONCE if graph else 1
        self._executions = steps.Executions()
        num_dimensions = self.distribution.event_shape.num_elements()
        super().compile(
            optimizer=optimizer,
            weighted_metrics=as_metrics(
                metrics, num_dimensions, self.distribution.dtype.name
            )
            or None,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            **kwargs,
        )
        # Now, so that `load_weights` finds a place for the optimizer's state, too.
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def call(self, points, training=None):
        """Log-probabilities in nats, ``[N]``, of points ``[N, *event_shape]``.

        Args:
            points: the points; for a conditional flow the contexts and the points.
            training: as in Keras.
        """
        # The identity: TFP remembers what it made of a tensor, and replicas that share
        # one would find what another replica's tape has seen.
        with tf.GradientTape() as tape:
            if self._is_conditional:
                context, x = inputs.pair(points)
                log_prob = self.given(context, training).log_prob(tf.identity(x))
            else:
                log_prob = self.distribution.log_prob(tf.identity(points))
        self._refuse_unseen(tape.watched_variables())
        return log_prob

    def _refuse_unseen(self, used) -> None:
        if tf.distribute.in_cross_replica_context():
            return  # The tape names the copies of each replica, which Keras holds.
        unseen = [v.name for v in used if id(v) not in self._storage_ids]
        if unseen:
            raise ValueError(
                f"log_prob of {self.distribution.name!r} uses variables that cannot "
                f"be found in it and would not be trained or saved: {unseen}. A "
                "function hides what it closes over; wrap a Keras layer in "
                "tfp_flows.KerasModule and hold it in a tf.Module."
            )

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The mean NLL in nats, weighted as in Keras, plus the layers' own losses."""
        nll = -y_pred
        if sample_weight is not None:
            nll = nll * tf.cast(sample_weight, nll.dtype)
        losses = [tf.cast(loss, nll.dtype) for loss in self.losses]
        # Keras sums the losses of the replicas, each of which has a part of the batch.
        replicas = self.distribute_strategy.num_replicas_in_sync
        return tf.add_n([strategies.mean_of_replica(nll), *losses]) / replicas

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing: a `FlowModel` is built, with its optimizer and its metrics.

        Under a strategy Keras would build it of the mean of the replicas' rows, which
        it cannot take over several machines, nor where they have not as many rows.
        """

    def train_step(self, data):
        """As in Keras."""
        return strategies.reducible(super().train_step(data), self.distribute_strategy)

    def test_step(self, data):
        """As in Keras."""
        return strategies.reducible(super().test_step(data), self.distribute_strategy)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """As in Keras, with the log-probabilities for targets, too."""
        return super().compute_metrics(x, y_pred, y_pred, sample_weight)

    def fit(
        self,
        x,
        y=None,
        *,
        batch_size: int | None = None,
        validation_split: float = 0.0,
        validation_data=None,
        validation_batch_size: int | None = None,
        shuffle: bool = True,
        sample_weight=None,
        callbacks=None,
        **kwargs,
    ):
        """Trains on ``x``; as in Keras, without targets.

        With a conditional flow it is ``fit(context, x)``: what a network learns from,
        and then what it is to describe.

        Several steps on data in memory run at once, unless a callback acts on
        batches, such as ``ModelCheckpoint(save_freq=100)``, or a number of steps is
        given (see `compile`). What is trained and logged is the same.

        Layers that start from data, such as `tfp_flows.bijectors.Standardize`, are
        adapted to ``x`` before, unless they have been (see `adapt`).

        A run that was killed, started again with the same data in memory, ends with the
        weights of an uninterrupted one: give Keras's ``BackupAndRestore``; or load what
        its ``ModelCheckpoint`` saved, and give ``initial_epoch=model.epoch``. What had
        been done of an epoch that had not ended is done again.

        Args:
            x: data in memory ``[N, *event_shape]``, or a stream of batches (a
                ``tf.data.Dataset``, ``keras.utils.PyDataset`` or generator that
                yields x, (x,) or (x, None, sample_weight)). For a conditional flow
                the contexts ``[N, …]``, or a stream of (context, x) or (context, x,
                sample_weight).
            y: must stay ``None``; for a conditional flow, the points.
            batch_size: of data in memory, 32 if not given.
            validation_split: fraction of the rows, the last ones, to hold out.
            validation_data: held-out rows, or (rows, None, sample_weight), or a
                stream; for a conditional flow (context, x), or with weights.
            validation_batch_size: the batch size if not given.
            shuffle: whether to draw a new order each epoch.
            sample_weight: ``[N]``, a factor for the NLL of each row.
            callbacks: as in Keras.
            **kwargs: the other arguments of ``keras.Model.fit``.

        Raises:
            TypeError: data that are not numbers.
            ValueError: data of another shape, without rows or not finite (with the
                row's number; for a stream, the batch's), targets, weights that do not
                fit the rows, or an operation that XLA cannot compile; a layer that
                starts from data and cannot be adapted to these.
        """
        if kwargs.pop("class_weight", None) is not None:
            raise ValueError(
                "fit takes no class_weight, for a flow has no classes: give "
                "sample_weight."
            )
        train = self._checked(x, y, sample_weight, "x")
        held_out = None
        if validation_data is not None:
            x_val, y_val, weights = keras.utils.unpack_x_y_sample_weight(
                validation_data
            )
            held_out = self._checked(x_val, y_val, weights, "validation_data")
        elif validation_split:
            train, held_out = data.split_rows(train, validation_split)
        epoch = tf.Variable(0, dtype=tf.int32, trainable=False)
        shuffle_seed = (self._seed, epoch) if shuffle else None
        default = inputs.TRAINING_BATCH_SIZE
        batches = inputs.batches(train, batch_size, default, shuffle_seed)
        limits = (kwargs.get(name) for name in ("steps_per_epoch", "validation_steps"))
        several = self._several_steps(train, callbacks, *limits)
        number = EpochNumber(epoch)
        number.set_model(self)
        checkpoints.repair_backups(callbacks)
        self._adapt(train, kwargs.get("steps_per_epoch"))
        with data.user_errors(), several:
            return super().fit(
                batches,
                shuffle=False,  # The batches shuffle themselves.
                validation_data=inputs.batches(
                    held_out, validation_batch_size, batch_size or default
                ),
                callbacks=completed(callbacks, number),
                **kwargs,
            )

    def adapt(self, x, y=None, *, steps: int | None = None) -> None:
        """Starts the layers that start from data, as `fit` does before it trains.

        For a training loop of one's own. Layers that have been adapted, or loaded with
        weights that were, stay as they are.

        Args:
            x: as for `fit`.
            y: as for `fit`.
            steps: how many batches to read of a stream that does not end.

        Raises:
            TypeError: data that are not numbers.
            ValueError: as `fit`; then no layer is adapted.

        >>> import numpy as np, tfp_flows
        >>> flow = tfp_flows.flows.glow((4, 4, 1), num_steps=1, hidden_units=[8],
        ...                             kernel_size=3, seed=0)
        >>> model = tfp_flows.FlowModel(flow)
        >>> model.adapt(np.random.default_rng(0).normal(5.0, 2.0, size=[20, 4, 4, 1]))
        """
        self._adapt(self._checked(x, y, None, "x"), steps)

    def _adapt(self, rows, steps: int | None) -> None:
        with data.user_errors():
            adapt_layers(
                self.distribution, rows, num_batches=steps, encoder=self.encoder
            )
        self._is_adapted = True

    def evaluate(
        self, x, y=None, *, batch_size: int | None = None, sample_weight=None, **kwargs
    ):
        """The mean NLL in nats, as in Keras.

        Args:
            x: as for `fit`.
            y: as for `fit`.
            batch_size: of data in memory; the result does not depend on it, but for
                the noise that a `tfp_flows.distributions.Dequantized` draws anew.
            sample_weight: ``[N]``, a factor for the NLL of each row.
            **kwargs: the other arguments of ``keras.Model.evaluate``.

        Raises:
            TypeError: data that are not numbers.
            ValueError: as `fit`.
        """
        if kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked it.
            return super().evaluate(x, **kwargs)
        rows = self._checked(x, y, sample_weight, "x")
        x = inputs.batches(rows, batch_size, inputs.INFERENCE_BATCH_SIZE)
        callbacks = kwargs.pop("callbacks", None)
        several = self._several_steps(rows, callbacks, kwargs.get("steps"))
        with data.user_errors(), several:
            return super().evaluate(x, callbacks=completed(callbacks), **kwargs)

    def predict(self, x, *, batch_size: int | None = None, **kwargs):
        """Log-probabilities in nats, a NumPy array ``[N]`` in the order of the rows.

        Args:
            x: as for `fit`; with a conditional flow the pair (context, x).
            batch_size: as for `evaluate`.
            **kwargs: the other arguments of ``keras.Model.predict``.

        Raises:
            TypeError: data that are not numbers.
            ValueError: as `fit`.
        """
        y = None
        if self._is_conditional and not data.is_stream(x):
            if not isinstance(x, tuple | list) or len(x) != 2:
                raise ValueError(
                    f"{self.name!r} is conditional: call predict((context, x)), with a "
                    "context for each point."
                )
            x, y = x
        rows = self._checked(x, y, None, "x")
        x = inputs.batches(rows, batch_size, inputs.INFERENCE_BATCH_SIZE)
        with data.user_errors(), self._several_steps(None):
            return super().predict(x, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """One step on one batch, checked and cast as by `fit`.

        The first one is what layers that start from data are adapted to, if they have
        not been: call `adapt` with more data before.
        """
        if not self._is_adapted:
            self.adapt(x, y)
        x, weights = self._one_batch(x, y, sample_weight)
        return super().train_on_batch(x, sample_weight=weights, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """The mean NLL in nats of one batch, checked and cast as by `fit`."""
        x, weights = self._one_batch(x, y, sample_weight)
        return super().test_on_batch(x, sample_weight=weights, **kwargs)

    def _one_batch(self, x, y, sample_weight):
        rows = self._checked(x, y, sample_weight, "x")
        x, weights, context = (
            None if part is None else tf.constant(part) for part in rows
        )
        return x if context is None else (context, x), weights

    def sample(
        self, num_samples: int, *, context=None, seed: int | None = None
    ) -> tf.Tensor:
        """Draws ``[num_samples, *event_shape]``.

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
        if context is not None:
            return self.given(context).sample(num_samples, seed=stateless)
        if self._is_conditional:
            raise ValueError(
                f"{self.name!r} is conditional: call sample(…, context=…)."
            )
        return self.distribution.sample(num_samples, seed=stateless)

    def export(self, filepath, **kwargs) -> None:
        """Writes a SavedModel, a folder that TensorFlow alone can load and serve.

        What ``tf.saved_model.load`` gives has the functions ``log_prob(x)`` and
        ``sample(n, seed)``, for a conditional flow ``log_prob(context, x)`` and
        ``sample(context, n, seed)``; n and seed are integers of type int32, and class
        labels, if the encoder is a `tfp_flows.conditioners.OneHot`, of int64. A label
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

    def summary(self, line_length: int = 88, print_fn=print):
        """Prints each part of the distribution with its number of parameters.

        Args:
            line_length: width of the table.
            print_fn: called with the text in place of printing.
        """
        print_fn(summary_table(self.distribution, self.name, line_length, self.encoder))

    def _checked(self, x, y, sample_weight, name):
        return inputs.checked(
            x,
            y,
            sample_weight,
            name,
            distribution=self.distribution,
            encoder=self.encoder,
        )

    def _several_steps(self, rows, callbacks=None, *limits):
        """A context in which Keras runs as many steps at once as go unnoticed."""
        # Keras runs past a limit that is no multiple of the steps at once.
        one = (
            not isinstance(rows, data.Rows)
            or any((*limits, keras.config.max_steps_per_epoch()))
            or steps.act_on_batches(callbacks)
        )
        number = 1 if self._chooses_steps and one else self.steps_per_execution
        return self._executions.of(self, number)


def _require_encoder(encoder, distribution) -> None:
    if not isinstance(encoder, keras.Layer):
        raise TypeError(
            f"FlowModel: the encoder must be a Keras layer or model, but is "
            f"{encoder!r}."
        )
    if not isinstance(distribution, ConditionalFlow):
        raise ValueError(
            f"FlowModel: an encoder makes a context, but {distribution.name!r} takes "
            "none: make the flow with context_size=…."
        )
    if not encoder.built:
        raise ValueError(
            f"FlowModel: the encoder {encoder.name!r} is not built, so that it has no "
            "weights yet: call it once on a batch of what it is to encode."
        )
    shape = getattr(encoder, "output_shape", None)
    size = distribution.context_size
    if isinstance(shape, tuple) and (len(shape) != 2 or shape[-1] != size):
        raise ValueError(
            f"FlowModel: the flow takes a context of shape [N, {size}], but the "
            f"encoder {encoder.name!r} gives {shape}."
        )


def _require_one_density(distribution) -> None:
    if not isinstance(distribution, tfd.Distribution):
        raise TypeError(
            "FlowModel takes a tfd.Distribution, but got "
            f"{type(distribution).__name__}; a bijector becomes one by "
            "tfd.TransformedDistribution(base, bijector)."
        )
    if not isinstance(distribution.event_shape, tf.TensorShape):
        raise ValueError(
            f"FlowModel trains a density of single tensors, but the events of "
            f"{distribution.name!r} are a structure of tensors, of shapes "
            f"{distribution.event_shape}."
        )
    if distribution.batch_shape.rank != 0:
        raise ValueError(
            f"FlowModel trains one density, but {distribution.name!r} has batch "
            f"shape {distribution.batch_shape} and event shape "
            f"{distribution.event_shape}; tfd.Independent makes batch dimensions "
            "part of the event."
        )
