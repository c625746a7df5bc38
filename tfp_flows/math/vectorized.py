"""A test for ``tf.vectorized_map`` at work."""

import tensorflow as tf

_SCOPE = "loop_body"  # The name scope in which it traces the function that it is given.


def in_vectorized_map() -> bool:
    """Tells whether ``tf.vectorized_map`` will convert the ops that are made now.

    It makes ops anew, for all elements at once, and with them TensorFlow's own
    gradients: those of ``tf.custom_gradient`` are lost. What depends on them must be
    made of ops there whose gradients are right by themselves.
    """
    graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
    while graph is not None:
        if f"/{_SCOPE}" in f"/{graph.get_name_scope()}":
            return True
        # Within it, loops and functions are traced in graphs of their own.
        graph = getattr(graph, "outer_graph", None)
    return False
