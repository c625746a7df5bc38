"""The way a `FlowModel` is compiled: its objective, metrics, and XLA."""

from typing import Any

import keras
import tensorflow as tf

from tfp_flows.models import execution, tiers
from tfp_flows.models.metrics import as_metrics
from tfp_flows.models.steps import Steps
from tfp_flows.objectives import BatchSpec, MaximumLikelihood, Objective
from tfp_flows.objectives.function_objective import as_objective


class Compiled(Steps):
    """A Keras model that is compiled with an objective for a loss, a `FlowModel`."""

    # Keras's: what runs a step or several, and whether it has XLA compile a step.
    train_function: Any
    jit_compile: bool

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
            jit_compile: ``True`` has XLA compile each step as a whole, ``False`` not at
                all. ``"auto"`` starts sooner: where layers of equal structure have
                networks, XLA compiles these by themselves, in a few seconds at any
                depth; meanwhile another thread compiles the whole step, and `fit`
                changes over to it at the 400th iteration of the optimizer (never, if it
                is known to end before). `evaluate` and `predict` use the whole for 400
                batches or more. Flows that have no such layers are compiled as a whole
                at once. Nothing is compiled eagerly, or under a strategy of more than
                one replica.
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
        self._chooses_tiers = jit_compile == "auto" and is_graph
        self._chooses_steps = steps_per_execution == "auto"
        if self._chooses_steps:
            steps_per_execution = execution.DEFAULT_STEPS if is_graph else 1
        self._functions = execution.Functions()
        self._is_long = False
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

    def make_train_function(self, force: bool = False) -> None:
        """Make Keras's function that trains; in two tiers if `compile` chose so."""
        if self.train_function is not None and not force:
            return
        if not self._has_tiers("train"):
            super().make_train_function(force=True)
            return
        self._whole_step = tf.function(
            self._trained, jit_compile=True, autograph=False, reduce_retracing=True
        )
        make = super().make_train_function
        self.train_function = tiers.TrainFunction(
            self.optimizer,
            apart=self._made_in(tiers.Tier.APART, make, "train"),
            whole=self._made_in(tiers.Tier.WHOLE, make, "train"),
        )

    def make_test_function(self, force: bool = False) -> None:
        """Make Keras's function that evaluates; of the first tier for few batches."""
        self._make(super().make_test_function, "test", force)

    def make_predict_function(self, force: bool = False) -> None:
        """Make Keras's function that predicts; of the first tier for few batches."""
        self._make(super().make_predict_function, "predict", force)

    def _make(self, make, kind: str, force: bool) -> None:
        name = f"{kind}_function"
        if getattr(self, name) is not None and not force:
            return
        if self._is_long or not self._has_tiers(kind):
            make(force=True)
        else:
            setattr(self, name, self._made_in(tiers.Tier.APART, make, kind))

    def _made_in(self, tier: tiers.Tier, make, kind: str):
        """Give what Keras makes without XLA, for steps of a tier."""
        before, self.jit_compile = self.jit_compile, False
        try:
            make(force=True)
        finally:
            self.jit_compile = before
        return tiers.in_tier(tier, getattr(self, f"{kind}_function"))

    def _has_tiers(self, kind: str) -> bool:
        # A step of a subclass of the user's is Keras's to compile.
        own = getattr(type(self), f"{kind}_step") is getattr(Steps, f"{kind}_step")
        return self._chooses_tiers and own and tiers.has_first_tier(self._family)

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
