"""The direct method: mean(q̂_π), what the fitted model expects of the proposal. It has no interval: its error
is that of the model, which no number of observations shrinks."""

from services.feedback.offpolicy.sample import Estimated, Sample


def estimate(sample: Sample) -> Estimated:
    """mean(q̂_π)."""
    return Estimated(float(sample.expected.mean()), None)
