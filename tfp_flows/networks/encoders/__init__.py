"""Encoders of contexts."""
