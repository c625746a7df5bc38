"""The block neural autoregressive flow."""

from typing import Unpack

from tfp_flows.bijectors import BlockAutoregressive, Permutation
from tfp_flows.flows.assembly import Assembly
from tfp_flows.flows.options import Activation, FlowOptions, FlowOrFamily, MakeBijector
from tfp_flows.flows.ready_made import ready_made
from tfp_flows.networks import BlockNetwork


@ready_made
def bnaf(
    event_size: int,
    *,
    num_layers: int = 5,
    hidden_factor: int = 32,
    num_hidden_layers: int = 2,
    activation: Activation = "tanh",
    permutation: MakeBijector | None = None,
    **options: Unpack[FlowOptions],
) -> FlowOrFamily:
    """Block autoregressive layers: networks that increase in each dimension.

    Each layer is `tfp_flows.bijectors.BlockAutoregressive` with a
    `tfp_flows.networks.BlockNetwork`, with the dimensions reversed between them.
    ``log_prob`` is one evaluation of each network; sampling, one dimension after
    another, one or two and a scalar root search for each dimension.

    The flow starts near its base for points within ±3, so data should be standardized
    (see `tfp_flows.bijectors.Standardize`). Under a Keras dtype policy of mixed
    precision all is float32, for log-determinants need all digits.

    Args:
        hidden_factor: units of each hidden layer of each network, for each dimension.
        num_hidden_layers: how many of them each network has.
        activation: of the hidden layers, one that does not decrease anywhere; a
            multiple of the unit's input is added, so that it is onto the real numbers.

    >>> import tfp_flows
    >>> flow = tfp_flows.flows.bnaf(2, num_layers=2, hidden_factor=8, seed=0)
    >>> flow.log_prob(flow.sample(3)).shape
    TensorShape([3])

    Paper: De Cao, Titov and Aziz (2019), Block neural autoregressive flow.
    """
    assembly = Assembly("bnaf", event_size, permutation=permutation, **options)

    def make_layer(index: int, seed: int) -> BlockAutoregressive:
        network = BlockNetwork(
            assembly.event_size,
            hidden_factor,
            num_hidden_layers,
            context_size=assembly.context_size,
            activation=activation,
            seed=seed,
            dtype=assembly.variable_dtype.name,
        )
        return BlockAutoregressive(network)

    layers = assembly.layers(make_layer, num_layers, permutation=Permutation.reverse)
    return assembly.flow(layers)
