"""Numerics without variables: what bijectors are computed with."""

from tfp_flows.math.implicit import implicit_solution
from tfp_flows.math.knots import (
    bin_sizes,
    choose_bin,
    clip_straight_through,
    left_edges,
)
from tfp_flows.math.logistic import log_sum_exp, logit_of_mixture, nearly_logistic
from tfp_flows.math.nested_tanh_root import matvec, nested_tanh_root
from tfp_flows.math.norm import safe_norm
from tfp_flows.math.normal import (
    upper_quantile,
    upper_tail,
    upper_tail_of_mixture,
)
from tfp_flows.math.permute import inverse_of, permute
from tfp_flows.math.quadrature import gauss_legendre
from tfp_flows.math.rematerialize import rematerialize
from tfp_flows.math.root import Curve, find_root, newton_polish
from tfp_flows.math.scan import scan_by_evaluation
from tfp_flows.math.tanh_root import tanh_root, tanh_slope
from tfp_flows.math.taper import taper, untaper
from tfp_flows.math.vectorized import in_vectorized_map
from tfp_flows.math.xla import in_xla

__all__ = [
    "Curve",
    "bin_sizes",
    "choose_bin",
    "clip_straight_through",
    "find_root",
    "gauss_legendre",
    "implicit_solution",
    "in_vectorized_map",
    "in_xla",
    "inverse_of",
    "left_edges",
    "log_sum_exp",
    "logit_of_mixture",
    "matvec",
    "nearly_logistic",
    "nested_tanh_root",
    "newton_polish",
    "permute",
    "rematerialize",
    "safe_norm",
    "scan_by_evaluation",
    "tanh_root",
    "tanh_slope",
    "taper",
    "untaper",
    "upper_quantile",
    "upper_tail",
    "upper_tail_of_mixture",
]
