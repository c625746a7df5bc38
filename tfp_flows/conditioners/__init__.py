"""Conditioners: the networks that predict a transformer's parameters.

They are Keras 3 layers. Their last layer starts at zero, so that a flow made of them
starts at the identity.
"""

from tfp_flows.conditioners.autoregressive.conditioner import Conditioner
from tfp_flows.conditioners.autoregressive.made import MADE
from tfp_flows.conditioners.autoregressive.masked_autoregressive_template import (
    masked_autoregressive_template,
)
from tfp_flows.conditioners.autoregressive.nade import NADE
from tfp_flows.conditioners.autoregressive.pixel_cnn import PixelCNN
from tfp_flows.conditioners.autoregressive.recurrent import Recurrent
from tfp_flows.conditioners.autoregressive.wavenet import WaveNet
from tfp_flows.conditioners.block.block_network import BlockNetwork
from tfp_flows.conditioners.image.convolutional_network import ConvolutionalNetwork
from tfp_flows.conditioners.image.convolutional_residual_network import (
    ConvolutionalResidualNetwork,
)
from tfp_flows.conditioners.image.gated_attention_network import GatedAttentionNetwork
from tfp_flows.conditioners.image.glow_template import glow_exit_template, glow_template
from tfp_flows.conditioners.mlp import MLP
from tfp_flows.conditioners.one_hot import OneHot
from tfp_flows.conditioners.real_nvp_template import real_nvp_template

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
