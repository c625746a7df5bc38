"""Ready-made flows: functions that give a ``tfd.TransformedDistribution``.

Each takes the event size and keywords with defaults, and starts at or near the
identity, that is, at its base distribution.
"""

from tfp_flows.flows.cubic_spline import cubic_spline
from tfp_flows.flows.iaf import iaf
from tfp_flows.flows.linear import linear
from tfp_flows.flows.linear_spline import linear_spline
from tfp_flows.flows.made import made
from tfp_flows.flows.maf import maf
from tfp_flows.flows.nice import nice
from tfp_flows.flows.nsf import nsf
from tfp_flows.flows.planar import planar
from tfp_flows.flows.quadratic_spline import quadratic_spline
from tfp_flows.flows.radial import radial
from tfp_flows.flows.real_nvp import real_nvp

__all__ = [
    "cubic_spline",
    "iaf",
    "linear",
    "linear_spline",
    "made",
    "maf",
    "nice",
    "nsf",
    "planar",
    "quadratic_spline",
    "radial",
    "real_nvp",
]
