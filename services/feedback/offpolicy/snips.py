"""Self-normalised IPS: Σ w r / Σ w. Within the range of the rewards whatever the weights are; its bias falls
as 1/n.

Reference: A. Swaminathan and T. Joachims, The self-normalized estimator for counterfactual learning,
NeurIPS 2015. The pulls are those of a ratio (delta method).
"""

from services.feedback.offpolicy.sample import Estimated, Sample


def estimate(sample: Sample) -> Estimated:
    """Σ w r / Σ w."""
    weight = sample.weights.mean()
    value = float((sample.weights * sample.rewards).mean() / weight)
    return Estimated(value, sample.weights * (sample.rewards - value) / weight)
