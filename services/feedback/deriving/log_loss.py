"""How surprised the answer is by the truth."""

import math

from services.feedback.deriving.seen import Seen, Value

# As scikit-learn clips: what was held impossible costs 36, and not everything.
LEAST = 2.0**-52


def measure(seen: Seen, truth: Value) -> float | None:
    """-ln of the probability of the true label; a label that has none counts as impossible. None without
    probabilities.

    >>> measure(Seen(probabilities={"yes": 0.5, "no": 0.5}), "yes") == math.log(2)
    True
    """
    if not (seen.probabilities and isinstance(truth, str)):
        return None
    return -math.log(min(1.0, max(LEAST, seen.probabilities.get(truth, 0.0))))
