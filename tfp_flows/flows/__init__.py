"""Ready-made flows: functions that give a ``tfd.TransformedDistribution``.

Each takes the event size and keywords with defaults, and starts at or near the
identity, that is, at its base distribution.
"""

from tfp_flows.flows.linear import linear
from tfp_flows.flows.nice import nice
from tfp_flows.flows.planar import planar
from tfp_flows.flows.radial import radial
from tfp_flows.flows.real_nvp import real_nvp

__all__ = ["linear", "nice", "planar", "radial", "real_nvp"]
