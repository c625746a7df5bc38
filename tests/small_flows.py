"""Every ready-made flow, as small as it can be."""

import numpy as np
import tensorflow as tf

from tfp_flows import flows

_NETWORKS = {"num_layers": 2, "hidden_units": [4]}
_IMAGES = {"filters": 2, "num_blocks": 1}
SMALL_FLOWS = {
    "linear": (3, {}),
    "planar": (2, {"num_layers": 2}),
    "radial": (2, {"num_layers": 2}),
    "sylvester": (3, {"num_layers": 2}),
    "bnaf": (2, {"num_layers": 1, "hidden_factor": 4}),
    "nice": (2, _NETWORKS),
    "real_nvp": (2, _NETWORKS),
    "maf": (3, _NETWORKS),
    "iaf": (3, _NETWORKS),
    "made": (3, {"hidden_units": [4]}),
    "nade": (3, {"hidden_units": 4}),
    "wavenet": (3, {"filters": 4}),
    "recurrent": (3, {"units": 4}),
    "nsf": (2, _NETWORKS | {"num_bins": 3}),
    "linear_spline": (2, _NETWORKS | {"num_bins": 3}),
    "quadratic_spline": (2, _NETWORKS | {"num_bins": 3}),
    "cubic_spline": (2, _NETWORKS | {"num_bins": 3}),
    "naf": (2, _NETWORKS | {"num_units": 3}),
    "umnn": (2, _NETWORKS | {"num_units": 3}),
    "sos": (2, _NETWORKS | {"num_polynomials": 2, "degree": 2}),
    "bernstein": (2, _NETWORKS | {"degree": 4}),
    "flow_plus_plus": (2, _NETWORKS | {"num_components": 3}),
    "gaussianization": (2, {"num_layers": 2, "num_components": 3}),
    "pixel_cnn": ((2, 2, 1), {"filters": 2, "num_layers": 1}),
    "glow": ((2, 2, 1), {"num_levels": 1, "num_steps": 1, "hidden_units": [2, 2]}),
    "real_nvp_image": ((4, 4, 1), _IMAGES | {"num_levels": 1}),
    "flow_plus_plus_image": (
        (2, 2, 1),
        _IMAGES
        | {"num_steps": 1, "num_heads": 1, "num_components": 2, "num_levels": 1},
    ),
}
# These make no flow of an event size.
NOT_FLOWS = {"dequantization"}


def small_flow(name, **options):
    """A flow with its variables away from the start, and three points of it."""
    size, small = SMALL_FLOWS[name]
    flow = getattr(flows, name)(size, seed=0, **(small | options))
    rng = np.random.default_rng(0)
    for variable in flow.trainable_variables:
        variable.assign_add(rng.normal(scale=0.3, size=variable.shape))
    points = rng.uniform(0.05, 0.95, size=[3, *flow.event_shape])
    return flow, tf.constant(points, flow.dtype)
