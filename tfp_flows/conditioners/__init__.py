"""Conditioners: the networks that predict a transformer's parameters.

They are Keras 3 layers. Their last layer starts at zero, so that a flow made of them
starts at the identity.
"""

from tfp_flows.conditioners.block_network import BlockNetwork
from tfp_flows.conditioners.conditioner import Conditioner
from tfp_flows.conditioners.convolutional_network import ConvolutionalNetwork
from tfp_flows.conditioners.convolutional_residual_network import (
    ConvolutionalResidualNetwork,
)
from tfp_flows.conditioners.gated_attention_network import GatedAttentionNetwork
from tfp_flows.conditioners.glow_template import glow_exit_template, glow_template
from tfp_flows.conditioners.made import MADE
from tfp_flows.conditioners.masked_autoregressive_template import (
    masked_autoregressive_template,
)
from tfp_flows.conditioners.mlp import MLP
from tfp_flows.conditioners.nade import NADE
from tfp_flows.conditioners.one_hot import OneHot
from tfp_flows.conditioners.pixel_cnn import PixelCNN
from tfp_flows.conditioners.real_nvp_template import real_nvp_template
from tfp_flows.conditioners.recurrent import Recurrent
from tfp_flows.conditioners.wavenet import WaveNet

__all__ = [
    "MADE",
    "MLP",
    "NADE",
    "BlockNetwork",
    "Conditioner",
    "ConvolutionalNetwork",
    "ConvolutionalResidualNetwork",
    "GatedAttentionNetwork",
    "OneHot",
    "PixelCNN",
    "Recurrent",
    "WaveNet",
    "glow_exit_template",
    "glow_template",
    "masked_autoregressive_template",
    "real_nvp_template",
]
