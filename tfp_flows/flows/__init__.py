"""Ready-made flows: functions that give a `tfp_flows.distributions.Flow`.

Each takes the event size and keywords with defaults, those that all share among them
(`tfp_flows.flows.options`), and starts at or near the identity, that is, at its base
distribution.
"""

from tfp_flows.flows.bernstein import bernstein
from tfp_flows.flows.bnaf import bnaf
from tfp_flows.flows.cubic_spline import cubic_spline
from tfp_flows.flows.flow_plus_plus import flow_plus_plus
from tfp_flows.flows.flow_plus_plus_image import (
    dequantization,
    flow_plus_plus_image,
)
from tfp_flows.flows.gaussianization import gaussianization
from tfp_flows.flows.glow import glow
from tfp_flows.flows.iaf import iaf
from tfp_flows.flows.layered import autoregressive, coupling
from tfp_flows.flows.linear import linear
from tfp_flows.flows.linear_spline import linear_spline
from tfp_flows.flows.made import made
from tfp_flows.flows.maf import maf
from tfp_flows.flows.nade import nade
from tfp_flows.flows.naf import naf
from tfp_flows.flows.nice import nice
from tfp_flows.flows.nsf import nsf
from tfp_flows.flows.pixel_cnn import pixel_cnn
from tfp_flows.flows.planar import planar
from tfp_flows.flows.quadratic_spline import quadratic_spline
from tfp_flows.flows.radial import radial
from tfp_flows.flows.real_nvp import real_nvp
from tfp_flows.flows.real_nvp_image import real_nvp_image
from tfp_flows.flows.recurrent import recurrent
from tfp_flows.flows.sos import sos
from tfp_flows.flows.sylvester import sylvester
from tfp_flows.flows.umnn import umnn
from tfp_flows.flows.wavenet import wavenet

__all__ = [
    "autoregressive",
    "bernstein",
    "bnaf",
    "coupling",
    "cubic_spline",
    "dequantization",
    "flow_plus_plus",
    "flow_plus_plus_image",
    "gaussianization",
    "glow",
    "iaf",
    "linear",
    "linear_spline",
    "made",
    "maf",
    "nade",
    "naf",
    "nice",
    "nsf",
    "pixel_cnn",
    "planar",
    "quadratic_spline",
    "radial",
    "real_nvp",
    "real_nvp_image",
    "recurrent",
    "sos",
    "sylvester",
    "umnn",
    "wavenet",
]
