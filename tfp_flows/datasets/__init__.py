"""Two-dimensional densities to learn: exact samples, densities and entropies.

Each class is a ``tfd.Distribution`` of event shape ``[2]``: ``sample``, ``log_prob``
and ``entropy()``, the lowest NLL that any model can have on average, and ``bounds``,
the part of the plane to plot. `U1` to `U4` are targets for reverse KL; `Potential`
makes one of any potential.

>>> from tfp_flows.datasets import TwoMoons
>>> x = TwoMoons(noise=0.05).sample(1000, seed=[0, 1])
>>> x.shape
TensorShape([1000, 2])
"""

from tfp_flows.datasets.checkerboard import Checkerboard
from tfp_flows.datasets.correlated_gaussian import CorrelatedGaussian, gaussian_nll
from tfp_flows.datasets.eight_gaussians import EightGaussians
from tfp_flows.datasets.gaussian_grid import GaussianGrid
from tfp_flows.datasets.potential import Potential
from tfp_flows.datasets.potentials import U1, U2, U3, U4
from tfp_flows.datasets.rings import Circles, Rings
from tfp_flows.datasets.swiss_roll import SwissRoll
from tfp_flows.datasets.two_moons import TwoMoons
from tfp_flows.datasets.two_spirals import TwoSpirals

__all__ = [
    "U1",
    "U2",
    "U3",
    "U4",
    "Checkerboard",
    "Circles",
    "CorrelatedGaussian",
    "EightGaussians",
    "GaussianGrid",
    "Potential",
    "Rings",
    "SwissRoll",
    "TwoMoons",
    "TwoSpirals",
    "gaussian_nll",
]
