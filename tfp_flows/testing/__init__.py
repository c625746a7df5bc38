"""What a bijector must satisfy, as a function that any bijector can be given to."""

from tfp_flows.testing.conformance import assert_bijector_conforms
from tfp_flows.testing.examples import EXAMPLES, Example

__all__ = ["EXAMPLES", "Example", "assert_bijector_conforms"]
