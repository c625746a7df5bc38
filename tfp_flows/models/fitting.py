"""The data-taking methods of a `FlowModel`: ``fit``, ``evaluate``, ``predict``."""

import contextlib
import warnings
from typing import Any

import keras
import numpy as np

from tfp_flows.models import checkpoints, data, execution, tiers
from tfp_flows.models.adapt import adapt_layers
from tfp_flows.models.callbacks import EpochNumber, completed
from tfp_flows.models.inspection import columns_of, inspect_rows
from tfp_flows.objectives import Batch, BatchSpec
from tfp_flows.warning_categories import DataWarning


class Fitting(keras.Model):
    """A Keras model whose methods take data as a `FlowModel` does.

    They check and cast what the user gives, and hand Keras a dataset of batches.
    """

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        *,
        batch_size: int | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        validation_batch_size: int | None = None,
        shuffle: bool = True,
        sample_weight: Any = None,
        callbacks: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train on ``x``, as in Keras, without targets.

        With a conditional flow it is ``fit(context, x)``: what a network learns from,
        and then what it is to describe.

        Several steps on data in memory run at once, unless a callback acts on
        batches, such as ``ModelCheckpoint(save_freq=100)``, or a number of steps is
        given (see `compile`). What is trained and logged is the same.

        Layers that start from data, such as `tfp_flows.bijectors.Standardize`, are
        adapted to ``x`` before, unless they have been (see `adapt`).

        A run that was killed, started again with the same data in memory, ends with the
        weights of an uninterrupted one: give Keras's ``BackupAndRestore`` (one that
        saves within an epoch is refused, for it is not exact); or load what its
        ``ModelCheckpoint`` saved at the end of an epoch, and give
        ``initial_epoch=model.epoch``. What had been done of an epoch that had not ended
        is done again.

        Args:
            x: data in memory ``[N, *event_shape]``, or a stream of batches (a
                ``tf.data.Dataset``, ``keras.utils.PyDataset`` or generator that
                yields x, (x,) or (x, None, sample_weight)). For a conditional flow
                the contexts ``[N, …]``, or a stream of (context, x) or (context, x,
                sample_weight). ``None`` where the objective needs no data: give
                ``steps_per_epoch``.
            y: must stay ``None``; for a conditional flow, the points.
            batch_size: of data in memory, 32 if not given.
            validation_split: fraction of the rows, the last ones, to hold out.
            validation_data: held-out rows, or (rows, None, sample_weight), or a
                stream; for a conditional flow (context, x), or with weights.
            validation_batch_size: the batch size if not given.
            shuffle: whether to draw a new order each epoch.
            sample_weight: ``[N]``. A row of weight 2 counts as two rows, and one of
                weight 0 as none: in the loss, Σ wᵢ·lossᵢ/Σ wᵢ over the rows of a
                batch, in the metrics, and in what layers learn of the data. (Keras
                divides by the number of rows.)
            callbacks: as in Keras.
            **kwargs: the other arguments of ``keras.Model.fit``.

        Raises:
            TypeError: data that are not numbers.
            ValueError: data of another shape, without rows or not finite (with the
                row's number; for a stream, the batch's), targets, weights that do not
                fit the rows, or an operation that XLA cannot compile; a layer that
                starts from data and cannot be adapted to these. Of data in memory also
                rows outside the support, values whose square overflows, all rows
                outside the interval of the first splines, a batch of one row for batch
                normalization.

        Warns `tfp_flows.DataWarning` of data in memory with constant columns, with
        columns of repeated values, and with rows outside the interval of the first
        splines.
        """
        if kwargs.pop("class_weight", None) is not None:
            raise ValueError(
                "fit takes no class_weight, for a flow has no classes: give "
                "sample_weight."
            )
        columns = columns_of(x if y is None else y)
        train = self._checked(x, y, sample_weight, "x")
        train, held_out = self._held_out(train, validation_data, validation_split)
        number = EpochNumber(self)
        first = [number, *self._objective.callbacks()]
        order = (self._seed, number.variable) if shuffle else None
        default = data.TRAINING_BATCH_SIZE
        batches = self._batches(
            train, batch_size, default, kwargs, "steps_per_epoch", order
        )
        validation = data.batches(
            held_out, validation_batch_size, batch_size or default
        )
        limits = (kwargs.get(name) for name in ("steps_per_epoch", "validation_steps"))
        functions = self._functions_for(
            train, validation, [*first, *execution.listed(callbacks)], *limits
        )
        checkpoints.repair_backups(callbacks)
        found: list[str] = []
        self._adapt(
            train,
            kwargs.get("steps_per_epoch"),
            lambda: found.extend(self._inspect(train, batch_size or default, columns)),
        )
        for message in found:
            warnings.warn(message, DataWarning, stacklevel=2)
        with data.user_errors(), functions, self._change(train, batches, kwargs):
            return super().fit(
                batches,
                shuffle=False,  # The batches shuffle themselves.
                validation_data=validation,
                callbacks=completed(callbacks, *first),
                **kwargs,
            )

    def _inspect(self, rows, batch_size, columns) -> list[str]:
        """Look for what would spoil the fit of a density to data in memory."""
        is_density = self._objective.is_negative_log_likelihood
        if not isinstance(rows, Batch) or rows.x is None or not is_density:
            return []
        integers = self._spec.integers is not None
        where = self.distribution, rows, batch_size
        return inspect_rows(*where, are_integers=integers, columns=columns)

    def _held_out(self, train, validation_data, fraction: float) -> tuple:
        """Give the data to train on, and those to hold out or ``None``."""
        if validation_data is not None:
            x, y, weights = keras.utils.unpack_x_y_sample_weight(validation_data)
            return train, self._checked(x, y, weights, "validation_data")
        return data.split_rows(train, fraction) if fraction else (train, None)

    def adapt(
        self,
        x: Any,
        y: Any = None,
        *,
        steps: int | None = None,
        sample_weight: Any = None,
    ) -> None:
        """Start the layers that start from data, as `fit` does before it trains.

        For a training loop of one's own. Layers that have been adapted, or loaded with
        weights that were, stay as they are.

        Args:
            x: as for `fit`.
            y: as for `fit`.
            steps: how many batches to read of a stream that does not end.
            sample_weight: as for `fit`.

        Raises:
            TypeError: data that are not numbers.
            ValueError: what `fit` raises; then no layer is adapted.

        >>> import numpy as np, tfp_flows
        >>> flow = tfp_flows.flows.glow((4, 4, 1), num_steps=1, hidden_units=[8],
        ...                             kernel_size=3, seed=0)
        >>> model = tfp_flows.FlowModel(flow)
        >>> model.adapt(np.random.default_rng(0).normal(5.0, 2.0, size=[20, 4, 4, 1]))
        """
        rows = self._checked(x, y, sample_weight, "x", self._density_spec)
        self._adapt(rows, steps)

    def _adapt(self, rows, steps: int | None, then=lambda: None) -> None:
        options = {"num_batches": steps, "encode": self._encoded, "then": then}
        with data.user_errors():
            adapt_layers(self._family, rows, **options)
        self._is_adapted = True

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        *,
        batch_size: int | None = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Compute the mean loss: the NLL in nats if no other was compiled.

        Args:
            x: as for `fit`.
            y: as for `fit`.
            batch_size: of data in memory; the result does not depend on it, but for
                the noise that a `tfp_flows.distributions.Dequantized` draws anew.
            sample_weight: ``[N]``, as for `fit`.
            **kwargs: the other arguments of ``keras.Model.evaluate``.

        Raises:
            TypeError: data that are not numbers.
            ValueError: what `fit` raises.
        """
        if kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked it.
            return super().evaluate(x, **kwargs)
        rows = self._checked(x, y, sample_weight, "x")
        default = data.INFERENCE_BATCH_SIZE
        batches = self._batches(rows, batch_size, default, kwargs, "steps")
        callbacks = kwargs.pop("callbacks", None)
        functions = self._functions_for(rows, batches, callbacks, kwargs.get("steps"))
        with data.user_errors(), functions:
            return super().evaluate(batches, callbacks=completed(callbacks), **kwargs)

    def predict(
        self, x: Any, *, batch_size: int | None = None, **kwargs: Any
    ) -> np.ndarray:
        """Give log-probabilities in nats, an array ``[N]`` in the order of the rows.

        Args:
            x: as for `fit`; with a conditional flow the pair (context, x).
            batch_size: as for `evaluate`.
            **kwargs: the other arguments of ``keras.Model.predict``.

        Raises:
            TypeError: data that are not numbers.
            ValueError: what `fit` raises.
        """
        spec = self._density_spec
        x, y = data.given_to_predict(x, spec=spec, who=self.name)
        rows = self._checked(x, y, None, "x", spec)
        batches = data.batches(rows, batch_size, data.INFERENCE_BATCH_SIZE)
        functions = self._functions.of(
            self, self._default_steps(1), tiers.is_long(batches)
        )
        with data.user_errors(), functions:
            return super().predict(batches, **kwargs)

    def train_on_batch(
        self, x: Any = None, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """Train one step on one batch, checked and cast as by `fit`.

        The first one is what layers that start from data are adapted to, if they have
        not been: call `adapt` with more data before.
        """
        batch = self._checked(x, y, sample_weight, "x")
        if not self._is_adapted:
            self._adapt(batch, None)
        return super().train_on_batch(data.as_keras_input(batch), **kwargs)

    def test_on_batch(
        self, x: Any = None, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """Give the mean loss of one batch, checked and cast as by `fit`."""
        batch = self._checked(x, y, sample_weight, "x")
        return super().test_on_batch(data.as_keras_input(batch), **kwargs)

    @property
    def _density_spec(self) -> BatchSpec:
        """The data that log-probabilities need, whatever the objective."""
        return BatchSpec.of_density(self._family, self.encoder)

    def _checked(self, x, y, sample_weight, name: str, spec: BatchSpec | None = None):
        """Check data by what the objective wants, or by a ``spec``."""
        spec = spec or self._spec
        return data.checked_data(x, y, sample_weight, name, spec=spec, who=self.name)

    def _batches(self, rows, batch_size, default, kwargs, steps: str, order=None):
        """Make batches for Keras; without data, as many as ``kwargs`` tells."""
        if rows is not None:
            return data.batches(rows, batch_size, default, order)
        replicas = self.distribute_strategy.num_replicas_in_sync
        return data.empty_batches(kwargs.pop(steps, None), replicas)

    def _change(self, train, batches, kwargs):
        """Give a context in which the second tier is prepared, if it is known to come.

        Of streams no example is taken: the second tier is compiled when it comes.
        """
        self.make_train_function()
        function = self.train_function
        is_stream = not isinstance(train, Batch | None)
        if is_stream or not isinstance(function, tiers.TrainFunction):
            return contextlib.nullcontext()
        epochs = kwargs.get("epochs", 1) - kwargs.get("initial_epoch", 0)
        steps = epochs * (kwargs.get("steps_per_epoch") or len(batches))
        if int(self.optimizer.iterations) + steps <= tiers.CHANGE:
            return contextlib.nullcontext()
        return function.expecting(
            lambda: tiers.Compilation(
                self._whole_step, batches.element_spec, data.of_each_shape(batches)
            )
        )

    def _functions_for(self, rows, evaluated, callbacks, *limits):
        """Give a context in which Keras runs as many steps at once as go unnoticed.

        Args:
            rows: what is counted: the data as they were checked.
            evaluated: the batches of an evaluation, if there are any.
            callbacks: all of the run.
            *limits: on numbers of steps, or ``None``.
        """
        # Keras runs past a limit that is no multiple of the steps at once.
        one = (
            not isinstance(rows, Batch | None)
            or any((*limits, keras.config.max_steps_per_epoch()))
            or execution.act_on_batches(callbacks)
        )
        number = self._default_steps(1) if one else self.steps_per_execution
        return self._functions.of(self, number, tiers.is_long(evaluated))

    def _default_steps(self, number: int) -> int:
        return number if self._chooses_steps else self.steps_per_execution
