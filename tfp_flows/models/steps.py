"""The steps of a `FlowModel` on one batch: training, evaluation, prediction."""

import keras
import tensorflow as tf

from tfp_flows.models import data, strategies, tiers
from tfp_flows.objectives import Batch


class Steps(keras.Model):
    """A Keras model whose loss is the mean of a number for each row, a `FlowModel`."""

    def train_step(self, packed: tuple) -> dict:
        """Train one step: the loss of a batch, its gradients, an update."""
        if tiers.is_whole():
            return self._whole_step(packed)
        return self._trained(packed)

    def test_step(self, packed: tuple) -> dict:
        """Give the loss and the metrics of a batch."""
        batch = data.unpack(packed)
        values = self._per_row(batch, training=False)
        return self._logs(batch, values, self._mean_loss(values, batch.weights))

    def predict_step(self, packed: tuple) -> tf.Tensor:
        """Give the log-probabilities of a batch."""
        return self(data.unpack(packed), training=False)

    def _trained(self, packed):
        batch = data.unpack(packed)
        with tf.GradientTape() as tape:
            values = self._per_row(batch, training=True)
            loss = self._mean_loss(values, batch.weights)
            # Keras adds the gradients of the replicas.
            replicas = self.distribute_strategy.num_replicas_in_sync
            scaled = self.optimizer.scale_loss(loss / replicas)
        weights = self.trainable_weights
        gradients = tape.gradient(scaled, weights)
        with tiers.update_of(self.optimizer):
            self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return self._logs(batch, values, loss)

    def _per_row(self, batch: Batch, training: bool) -> tf.Tensor:
        """Give the objective's number for each row."""
        values = self(batch, training=training, objective=self._objective)
        values = tf.convert_to_tensor(values)
        rows = None if batch.x is None else tf.shape(batch.x)[0]
        known = None if batch.x is None else batch.x.shape[0]
        if not values.shape.is_compatible_with([known]):
            raise ValueError(
                f"The objective {type(self._objective).__name__} must give a number "
                f"for each row, [{'N' if known is None else known}], but got shape "
                f"{tuple(values.shape)}."
            )
        return values if rows is None else tf.reshape(values, [rows])

    def _mean_loss(self, values, weights) -> tf.Tensor:
        """Take the mean of the rows, a row of weight 2 as two, plus layers' losses."""
        losses = [tf.cast(loss, values.dtype) for loss in self.losses]
        return tf.add_n([strategies.mean_of_replica(values, weights), *losses])

    def _logs(self, batch: Batch, values, loss) -> dict:
        rows = tf.shape(values)[0] if batch.weights is None else batch.weights
        self._loss_tracker.update_state(loss, sample_weight=tf.reduce_sum(rows))
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
