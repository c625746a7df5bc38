"""Distributions that TFP does not have, or has slower."""

from tfp_flows.distributions.conditional_flow import ConditionalFlow
from tfp_flows.distributions.dequantized import Dequantized
from tfp_flows.distributions.flow import Flow
from tfp_flows.distributions.lower_bound import LowerBound
from tfp_flows.distributions.standard_normal import StandardNormal

__all__ = ["ConditionalFlow", "Dequantized", "Flow", "LowerBound", "StandardNormal"]
