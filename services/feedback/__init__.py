"""Learns from what came of predictions: rewards, truth, and the allocations that follow from them."""
