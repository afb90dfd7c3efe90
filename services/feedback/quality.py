"""F1 from what was predicted beside what was true.

F1 is the harmonic mean of precision and recall, 2·TP / (2·TP + FP + FN). Over several labels it is the plain
mean of their F1 (macro average), so that a rare label weighs as much as a common one.
"""

from collections import Counter
from collections.abc import Mapping

from services.state.labels import Pair


def f1(pairs: Mapping[Pair, int], positive: str = "") -> float | None:
    """F1 of the positive label, or the mean over all labels that were predicted or true. None where it is
    undefined: a label that was neither.

    >>> f1({Pair("yes", "yes"): 3, Pair("yes", "no"): 1, Pair("no", "yes"): 2, Pair("no", "no"): 4}, "yes")
    0.6666666666666666
    """
    hits, predicted, actual = Counter[str](), Counter[str](), Counter[str]()
    for pair, count in pairs.items():
        predicted[pair.predicted] += count
        actual[pair.actual] += count
        hits[pair.actual] += count * (pair.predicted == pair.actual)
    # 2·TP + FP + FN is what was predicted and what was true, added.
    totals = predicted + actual
    if positive:
        return 2 * hits[positive] / totals[positive] if totals[positive] else None
    shares = [2 * hits[label] / total for label, total in sorted(totals.items())]
    return sum(shares) / len(shares) if shares else None
