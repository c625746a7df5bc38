"""What a bijector must satisfy, and an example of each kind of part."""

from tfp_flows.testing.conformance import assert_bijector_conforms
from tfp_flows.testing.examples import EXAMPLES, Example
from tfp_flows.testing.objective_examples import OBJECTIVE_EXAMPLES

__all__ = ["EXAMPLES", "OBJECTIVE_EXAMPLES", "Example", "assert_bijector_conforms"]
