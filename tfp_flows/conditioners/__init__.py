"""Conditioners: the networks that predict a transformer's parameters.

They are Keras 3 layers. Their last layer starts at zero, so that a flow made of them
starts at the identity.
"""

from tfp_flows.conditioners.mlp import MLP
from tfp_flows.conditioners.real_nvp_template import real_nvp_template

__all__ = ["MLP", "real_nvp_template"]
