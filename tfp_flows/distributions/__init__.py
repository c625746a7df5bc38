"""Distributions that TFP does not have, or has slower."""

from tfp_flows.distributions.conditional_flow import ConditionalFlow
from tfp_flows.distributions.dequantized import Dequantized
<<<<<<< HEAD
from tfp_flows.distributions.flow import Flow
from tfp_flows.distributions.standard_normal import StandardNormal

__all__ = ["ConditionalFlow", "Dequantized", "Flow", "StandardNormal"]
=======
from tfp_flows.distributions.lower_bound import LowerBound
from tfp_flows.distributions.standard_normal import StandardNormal

__all__ = ["ConditionalFlow", "Dequantized", "LowerBound", "StandardNormal"]
>>>>>>> 47ff90f (LowerBound taken out of Dequantized; random_state at the root)
