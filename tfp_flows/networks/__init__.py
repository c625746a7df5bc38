"""Networks: the Keras 3 layers that flows are made of."""

from tfp_flows.networks.autoregressive.conditioner import Conditioner
from tfp_flows.networks.autoregressive.made import MADE
from tfp_flows.networks.autoregressive.masked_autoregressive_template import (
    masked_autoregressive_template,
)
from tfp_flows.networks.autoregressive.nade import NADE
from tfp_flows.networks.autoregressive.pixel_cnn import PixelCNN
from tfp_flows.networks.autoregressive.recurrent import Recurrent
from tfp_flows.networks.autoregressive.wavenet import WaveNet
from tfp_flows.networks.encoders.one_hot import OneHot
from tfp_flows.networks.image.convolutional_network import ConvolutionalNetwork
from tfp_flows.networks.image.convolutional_residual_network import (
    ConvolutionalResidualNetwork,
)
from tfp_flows.networks.image.gated_attention_network import GatedAttentionNetwork
from tfp_flows.networks.image.glow_template import glow_exit_template, glow_template
from tfp_flows.networks.mlp import MLP
from tfp_flows.networks.monotone.block_network import BlockNetwork
from tfp_flows.networks.monotone.monotone_network import MonotoneNetwork
from tfp_flows.networks.network import Network
from tfp_flows.networks.real_nvp_template import real_nvp_template

__all__ = [
    "MADE",
    "MLP",
    "NADE",
    "BlockNetwork",
    "Conditioner",
    "ConvolutionalNetwork",
    "ConvolutionalResidualNetwork",
    "GatedAttentionNetwork",
    "MonotoneNetwork",
    "Network",
    "OneHot",
    "PixelCNN",
    "Recurrent",
    "WaveNet",
    "glow_exit_template",
    "glow_template",
    "masked_autoregressive_template",
    "real_nvp_template",
]
