"""Triangular Jacobian, up to the order of the dimensions."""
