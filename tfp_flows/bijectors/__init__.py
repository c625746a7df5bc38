"""Bijectors, flat; the folders follow the structure of the Jacobian.

elementwise: diagonal. linear: constant. low_rank: the identity and a matrix of low
rank. triangular: triangular, up to the order of the dimensions.
"""

from tfp_flows.bijectors.base import Bijector
from tfp_flows.bijectors.elementwise.affine import Affine
from tfp_flows.bijectors.elementwise.elementwise import Elementwise, TransformerSpec
from tfp_flows.bijectors.linear.linear import Linear
from tfp_flows.bijectors.linear.permutation import Permutation
from tfp_flows.bijectors.linear.rotation_2d import Rotation2D
from tfp_flows.bijectors.low_rank.planar import Planar
from tfp_flows.bijectors.low_rank.radial import Radial
from tfp_flows.bijectors.triangular.coupling import Coupling
from tfp_flows.bijectors.triangular.shift_and_cube import ShiftAndCube

__all__ = [
    "Affine",
    "Bijector",
    "Coupling",
    "Elementwise",
    "Linear",
    "Permutation",
    "Planar",
    "Radial",
    "Rotation2D",
    "ShiftAndCube",
    "TransformerSpec",
]
