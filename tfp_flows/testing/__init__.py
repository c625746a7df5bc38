"""What a bijector must satisfy, as a function, and a small example of each part."""

from tfp_flows.testing.conformance import assert_bijector_conforms
from tfp_flows.testing.examples import EXAMPLES, Example
from tfp_flows.testing.flow_examples import FLOW_EXAMPLES, FlowExample
from tfp_flows.testing.network_examples import NETWORK_EXAMPLES, NetworkExample
from tfp_flows.testing.objective_examples import OBJECTIVE_EXAMPLES
from tfp_flows.testing.random_chain import RandomChain, random_chain

__all__ = [
    "EXAMPLES",
    "FLOW_EXAMPLES",
    "NETWORK_EXAMPLES",
    "OBJECTIVE_EXAMPLES",
    "Example",
    "FlowExample",
    "NetworkExample",
    "RandomChain",
    "assert_bijector_conforms",
    "random_chain",
]
