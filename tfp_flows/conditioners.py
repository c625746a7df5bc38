"""Conditioners: the networks that predict a transformer's parameters.

They are Keras 3 layers of `tfp_flows.networks`. Their last layer starts at zero, so
that a flow made of them starts at the identity.
"""

from tfp_flows.networks import (
    MADE,
    MLP,
    NADE,
    Conditioner,
    ConvolutionalNetwork,
    ConvolutionalResidualNetwork,
    GatedAttentionNetwork,
    PixelCNN,
    Recurrent,
    WaveNet,
    glow_exit_template,
    glow_template,
    masked_autoregressive_template,
    real_nvp_template,
)

__all__ = [
    "MADE",
    "MLP",
    "NADE",
    "Conditioner",
    "ConvolutionalNetwork",
    "ConvolutionalResidualNetwork",
    "GatedAttentionNetwork",
    "PixelCNN",
    "Recurrent",
    "WaveNet",
    "glow_exit_template",
    "glow_template",
    "masked_autoregressive_template",
    "real_nvp_template",
]
