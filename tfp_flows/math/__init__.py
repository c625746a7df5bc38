"""Numerics without variables: what bijectors are computed with."""

from tfp_flows.math.norm import safe_norm
from tfp_flows.math.permute import permute
from tfp_flows.math.root import newton_polish
from tfp_flows.math.seeds import split_seed

__all__ = ["newton_polish", "permute", "safe_norm", "split_seed"]
