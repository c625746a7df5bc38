"""Numerics without variables: what bijectors are computed with."""

from tfp_flows.math.knots import bin_sizes, choose_bin, left_edges, rounded_into
from tfp_flows.math.norm import safe_norm
from tfp_flows.math.normal import upper_quantile, upper_tail
from tfp_flows.math.permute import permute
from tfp_flows.math.root import newton_polish
from tfp_flows.math.scan import scan_by_evaluation
from tfp_flows.math.seeds import split_seed

__all__ = [
    "bin_sizes",
    "choose_bin",
    "left_edges",
    "newton_polish",
    "permute",
    "rounded_into",
    "safe_norm",
    "scan_by_evaluation",
    "split_seed",
    "upper_quantile",
    "upper_tail",
]
