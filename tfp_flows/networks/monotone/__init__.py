"""The block network, which is a bijector by itself: monotone and autoregressive."""
