"""Self-normalised doubly robust: mean(q̂_π) + Σ w (r − q̂(a)) / Σ w. As doubly robust, with weights that sum
to the number of observations.

Reference: P. Thomas and E. Brunskill, Data-efficient off-policy policy evaluation, ICML 2016 (weighted DR).
"""

from services.feedback.offpolicy.sample import Estimated, Sample


def estimate(sample: Sample) -> Estimated:
    """mean(q̂_π) + Σ w (r − q̂(a)) / Σ w."""
    weight, expected = sample.weights.mean(), sample.expected.mean()
    residuals = sample.rewards - sample.fitted
    correction = float((sample.weights * residuals).mean() / weight)
    pull = sample.expected - expected + sample.weights * (residuals - correction) / weight
    return Estimated(float(expected) + correction, pull)
