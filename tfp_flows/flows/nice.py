"""NICE."""

from typing import Unpack

from tensorflow_probability import bijectors as tfb

from tfp_flows.bijectors import Affine, TransformerSpec
from tfp_flows.flows.assembly import Assembly
from tfp_flows.flows.layers import coupling_layer
from tfp_flows.flows.options import FlowOrFamily, LayeredOptions
from tfp_flows.flows.ready_made import ready_made


@ready_made
def nice(
    event_size: int, *, num_layers: int = 8, **options: Unpack[LayeredOptions]
) -> FlowOrFamily:
    """Couplings that shift, then a trained scale of each dimension.

    The transformer is ``tfb.Shift``, which keeps volumes; only the last layer, which
    scales (and shifts) each dimension, changes them.

    Args:
        num_layers: how many couplings.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.nice(2, num_layers=4, seed=0)
    >>> flow.log_prob([[0.0, 0.0]]).numpy().round(3)  # It starts at its base.
    array([-1.838], dtype=float32)

    Paper: Dinh, Krueger and Bengio (2014), NICE: non-linear independent components
    estimation.
    """
    assembly = Assembly("nice", event_size, **options)
    shift = TransformerSpec(tfb.Shift, {"shift": ()})
    couplings = assembly.layers(coupling_layer(assembly, shift), num_layers)
    dtype = assembly.variable_dtype
    scale = Affine.trainable(assembly.event_size, dtype=dtype, name="scale")
    return assembly.flow([*couplings, scale])
