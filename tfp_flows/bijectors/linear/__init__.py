"""Constant Jacobian."""
