"""Diagonal Jacobian: each dimension by itself."""
