"""Bijectors of images, which rearrange pixels without a change of their values."""
