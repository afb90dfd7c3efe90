"""Every aggregation and pattern, on real models over real channels."""
