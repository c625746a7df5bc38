"""Networks whose outputs for a dimension depend on the dimensions before it only."""
