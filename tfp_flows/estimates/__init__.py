"""Monte Carlo estimates of what flows have no closed form for."""

from tfp_flows.estimates.divergences import estimate_entropy, estimate_kl
from tfp_flows.estimates.estimate import Estimate
from tfp_flows.estimates.moments import estimate_mean, estimate_variance
from tfp_flows.estimates.quantiles import (
    estimate_highest_density_level,
    estimate_quantiles,
)

__all__ = [
    "Estimate",
    "estimate_entropy",
    "estimate_highest_density_level",
    "estimate_kl",
    "estimate_mean",
    "estimate_quantiles",
    "estimate_variance",
]
