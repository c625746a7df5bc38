"""Training under a strategy: on several devices of a machine, or several machines.

A global batch is divided among the replicas. Nothing here does anything without them.
"""

import tensorflow as tf


def mean_of_replica(values: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Take the mean of a replica's rows, with its part of the whole gradient.

    Keras adds the replicas' gradients over their number, and so takes each to have as
    many rows as any other. A batch that cannot be divided (most often the last of an
    epoch) gives some of them more rows, and some perhaps none. Here each row counts
    alike. The value stays the replica's own mean, for Keras's running mean of the loss
    weights it by the replica's rows.

    Args:
        values: a number for each of the replica's rows.
        weights: of the rows: one of weight 2 counts as two, one of weight 0 as none.
    """
    rows = tf.cast(tf.size(values), values.dtype)
    if weights is not None:
        weights = tf.cast(weights, values.dtype)
        rows = tf.reduce_sum(weights)
        values = tf.where(weights > 0, values * weights, 0.0)
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        if weights is None:
            return tf.reduce_mean(values)
        return tf.math.divide_no_nan(tf.reduce_sum(values), rows)
    mean = tf.math.divide_no_nan(tf.reduce_sum(values), rows)
    all_rows = replica.all_reduce(tf.distribute.ReduceOp.SUM, rows)
    share = tf.math.divide_no_nan(rows * replica.num_replicas_in_sync, all_rows)
    return share * mean + tf.stop_gradient((1.0 - share) * mean)


def reducible(logs: dict, strategy: tf.distribute.Strategy) -> dict:
    """Give a step's logs a shape that Keras can reduce over several machines.

    There Keras takes the mean over an axis of rows, which scalars do not have.
    """
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and (
        strategy.cluster_resolver.cluster_spec()  # Without one it is one machine.
    ):
        return {name: tf.reshape(value, [1]) for name, value in logs.items()}
    return logs
