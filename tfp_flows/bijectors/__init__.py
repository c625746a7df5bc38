"""Bijectors, flat; the folders follow the structure of the Jacobian.

elementwise: diagonal. linear: constant. low_rank: the identity and a matrix of low
rank. triangular: triangular, up to the order of the dimensions. image: the
rearrangement of pixels.
"""

from tfp_flows.bijectors.base import Bijector
from tfp_flows.bijectors.chain import Chain, Invert
from tfp_flows.bijectors.conditional import Conditional
from tfp_flows.bijectors.elementwise.affine import Affine
from tfp_flows.bijectors.elementwise.bernstein import Bernstein
from tfp_flows.bijectors.elementwise.bound import Bound
from tfp_flows.bijectors.elementwise.circular_rational_quadratic_spline import (
    CircularRationalQuadraticSpline,
)
from tfp_flows.bijectors.elementwise.cubic_spline import CubicSpline
from tfp_flows.bijectors.elementwise.elementwise import Elementwise
from tfp_flows.bijectors.elementwise.gaussian_mixture_cdf import GaussianMixtureCDF
from tfp_flows.bijectors.elementwise.integral_network import IntegralNetwork
from tfp_flows.bijectors.elementwise.kernel_gaussianization import (
    KernelGaussianization,
)
from tfp_flows.bijectors.elementwise.linear_spline import LinearSpline
from tfp_flows.bijectors.elementwise.mixture_cdf import MixtureCDF
from tfp_flows.bijectors.elementwise.monotone import Monotone, MonotoneOnInterval
from tfp_flows.bijectors.elementwise.monotonic_network import MonotonicNetwork
from tfp_flows.bijectors.elementwise.quadratic_spline import QuadraticSpline
from tfp_flows.bijectors.elementwise.rational_quadratic_spline import (
    RationalQuadraticSpline,
)
from tfp_flows.bijectors.elementwise.standardize import Standardize
from tfp_flows.bijectors.elementwise.sum_of_squares import SumOfSquares
from tfp_flows.bijectors.elementwise.transformer_spec import TransformerSpec
from tfp_flows.bijectors.evaluation import forward_and_log_det, inverse_and_log_det
from tfp_flows.bijectors.image.masks import channel_mask, checkerboard_mask
from tfp_flows.bijectors.image.multi_scale import MultiScale
from tfp_flows.bijectors.image.squeeze import Squeeze
from tfp_flows.bijectors.linear.act_norm import ActNorm
from tfp_flows.bijectors.linear.batch_normalization import BatchNormalization
from tfp_flows.bijectors.linear.householder import Householder
from tfp_flows.bijectors.linear.invertible_convolution_1x1 import (
    InvertibleConvolution1x1,
)
from tfp_flows.bijectors.linear.linear import Linear
from tfp_flows.bijectors.linear.lu_linear import LULinear
from tfp_flows.bijectors.linear.orthogonal_exponential import OrthogonalExponential
from tfp_flows.bijectors.linear.permutation import Permutation
from tfp_flows.bijectors.linear.qr_linear import QRLinear
from tfp_flows.bijectors.linear.rotation_2d import Rotation2D
from tfp_flows.bijectors.low_rank.planar import Planar
from tfp_flows.bijectors.low_rank.radial import Radial
from tfp_flows.bijectors.low_rank.sylvester import Sylvester
from tfp_flows.bijectors.triangular.autoregressive import Autoregressive
from tfp_flows.bijectors.triangular.block_autoregressive import BlockAutoregressive
from tfp_flows.bijectors.triangular.coupling import Coupling
from tfp_flows.bijectors.triangular.shift_and_cube import ShiftAndCube

__all__ = [
    "ActNorm",
    "Affine",
    "Autoregressive",
    "BatchNormalization",
    "Bernstein",
    "Bijector",
    "BlockAutoregressive",
    "Bound",
    "Chain",
    "CircularRationalQuadraticSpline",
    "Conditional",
    "Coupling",
    "CubicSpline",
    "Elementwise",
    "GaussianMixtureCDF",
    "Householder",
    "IntegralNetwork",
    "Invert",
    "InvertibleConvolution1x1",
    "KernelGaussianization",
    "LULinear",
    "Linear",
    "LinearSpline",
    "MixtureCDF",
    "Monotone",
    "MonotoneOnInterval",
    "MonotonicNetwork",
    "MultiScale",
    "OrthogonalExponential",
    "Permutation",
    "Planar",
    "QRLinear",
    "QuadraticSpline",
    "Radial",
    "RationalQuadraticSpline",
    "Rotation2D",
    "ShiftAndCube",
    "Squeeze",
    "Standardize",
    "SumOfSquares",
    "Sylvester",
    "TransformerSpec",
    "channel_mask",
    "checkerboard_mask",
    "forward_and_log_det",
    "inverse_and_log_det",
]
