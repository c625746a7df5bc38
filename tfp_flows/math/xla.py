"""A test for XLA at work."""

import tensorflow as tf
from tensorflow.python.ops import control_flow_util  # The only one that knows.


def in_xla() -> bool:
    """Tells whether XLA will compile the ops that are made now."""
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    return bool(control_flow_util.GraphOrParentsInXlaContext(graph))
