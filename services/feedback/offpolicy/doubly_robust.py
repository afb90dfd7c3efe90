"""Doubly robust: mean(q̂_π + w (r − q̂(a))). Unbiased whatever q̂ is, since the propensities are known and q̂ was
fitted on other observations; the better q̂, the smaller the variance.

Reference: M. Dudík, D. Erhan, J. Langford and L. Li, Doubly robust policy evaluation and optimization,
Statistical Science 29 (2014).
"""

from services.feedback.offpolicy.sample import Estimated, Sample, averaged


def estimate(sample: Sample) -> Estimated:
    """mean(q̂_π + w (r − q̂(a)))."""
    return averaged(sample.expected + sample.weights * (sample.rewards - sample.fitted))
