"""Inverse propensity scoring: mean(w r). Unbiased; its variance grows with the weights.

Reference: D. Horvitz and D. Thompson, A generalization of sampling without replacement, JASA 47 (1952).
"""

from services.feedback.offpolicy.sample import Estimated, Sample, averaged


def estimate(sample: Sample) -> Estimated:
    """mean(w r)."""
    return averaged(sample.weights * sample.rewards)
