"""The way a `FlowModel` is compiled: its objective, metrics, and XLA."""

from typing import Any

import keras

from tfp_flows.models import execution
from tfp_flows.models.metrics import as_metrics
from tfp_flows.objectives import BatchSpec, MaximumLikelihood, Objective
from tfp_flows.objectives.function_objective import as_objective


class Compiled(keras.Model):
    """A Keras model that is compiled with an objective for a loss, a `FlowModel`."""

    @property
    def objective(self) -> Objective:
        """The objective that `fit` minimizes."""
        return self._objective

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
                training=…), or of the first two, that gives a number for each row;
                maximum likelihood if not given.
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

    def get_compile_config(self) -> dict:
        """The arguments of `compile`, as they were given."""
        arguments = self._compiled_with | {"optimizer": self.optimizer}
        return keras.saving.serialize_keras_object(arguments)

    def compile_from_config(self, config: dict) -> None:
        """Compile as the model was that gave ``config``."""
        self.compile(**keras.saving.deserialize_keras_object(config))
