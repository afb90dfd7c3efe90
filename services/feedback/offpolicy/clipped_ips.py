"""IPS with weights that count for `clip` at most: less variance for a bias that nobody knows the size of.

It has no interval: one around a biased value covers the truth less often than it says.
Reference: E. Ionides, Truncated importance sampling, JCGS 17 (2008).
"""

import numpy as np

from services.feedback.offpolicy.sample import Estimated, Sample


def estimate(sample: Sample) -> Estimated:
    """mean(min(w, clip) r)."""
    return Estimated(float(np.mean(np.minimum(sample.weights, sample.clip) * sample.rewards)), None)
