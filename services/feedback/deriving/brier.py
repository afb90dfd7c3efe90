"""How far probabilities are from the truth, squared."""

from services.feedback.deriving.seen import Seen, Value

# As scikit-learn scales it: of two labels the squared distance of one, 0 to 1; of more the sum, 0 to 2.
BINARY = 2


def measure(seen: Seen, truth: Value) -> float | None:
    """The sum over labels of (probability - 1 for the true one, 0 else)^2, half of it for two labels; a label
    without a probability counts as impossible, unless a single one is told. None without probabilities.

    G. W. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78, 1950.

    >>> measure(Seen(probabilities={"yes": 0.75, "no": 0.25}), "yes")
    0.0625
    >>> measure(Seen(probabilities={"a": 0.5, "b": 0.5, "c": 0.0}), "c")
    1.5
    """
    if not (seen.probabilities and isinstance(truth, str)):
        return None
    told = dict(seen.probabilities)
    if len(told) > 1:
        told.setdefault(truth, 0.0)
    distance = sum((share - (label == truth)) ** 2 for label, share in told.items())
    return distance / 2 if len(told) == BINARY else distance
