"""Bijectors of images, which move pixels rather than change them."""
