"""The examples of ready-made flows, away from the start."""

import numpy as np
import tensorflow as tf

from tfp_flows.testing import FLOW_EXAMPLES

# Not those that are flows only given a context.
SMALL_FLOWS = [n for n, example in FLOW_EXAMPLES.items() if not example.context_size]


def small_flow(name, **options):
    """A flow with its variables moved, and three points of it."""
    flow = FLOW_EXAMPLES[name].make(**options)
    rng = np.random.default_rng(0)
    for variable in flow.trainable_variables:
        variable.assign_add(rng.normal(scale=0.3, size=variable.shape))
    points = rng.uniform(0.05, 0.95, size=[3, *flow.event_shape])
    return flow, tf.constant(points, flow.dtype)
