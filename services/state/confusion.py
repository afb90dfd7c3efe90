"""Precision, recall and F1 from what was predicted beside what was true.

Of one label, precision is TP / (TP + FP), recall TP / (TP + FN), and F1 their harmonic mean,
2·TP / (2·TP + FP + FN). Over several labels each is the plain mean over them (macro average), so that a rare
label weighs as much as a common one; as in scikit-learn, what is undefined of one label counts 0 there.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from services.state.labels import Pair


class Confusion(NamedTuple):
    """By label: rows on which it was predicted and true, predicted and not true, true and not predicted."""

    hits: Counter[str]
    false: Counter[str]
    missed: Counter[str]

    def quality(self, positive: str = "") -> "LabelQuality":
        """Of the positive label, or the mean over all labels that were predicted or true."""
        if positive:
            return self._of(positive)
        labels = sorted(label for label, rows in (self.hits + self.false + self.missed).items() if rows)
        each = [self._of(label) for label in labels]
        if not each:
            return LabelQuality()
        return LabelQuality(
            *(sum(value or 0.0 for value in values) / len(each) for values in zip(*each, strict=True))
        )

    def _of(self, label: str) -> "LabelQuality":
        right, false, missed = self.hits[label], self.false[label], self.missed[label]
        return LabelQuality(
            right / (right + false) if right + false else None,
            right / (right + missed) if right + missed else None,
            2 * right / (2 * right + false + missed) if right + false + missed else None,
        )


class LabelQuality(NamedTuple):
    """Each is 0 to 1, or None where it is undefined: precision of a label that was never predicted, recall of
    one that was never true, F1 of one that was neither."""

    precision: float | None = None
    recall: float | None = None
    f1: float | None = None


def confusion(pairs: Mapping[Pair, int]) -> Confusion:
    """Counted from pairs.

    >>> confusion({Pair("yes", "yes"): 3, Pair("yes", "no"): 1, Pair("no", "yes"): 2}).quality("yes")
    LabelQuality(precision=0.75, recall=0.6, f1=0.6666666666666666)
    """
    found = Confusion(Counter(), Counter(), Counter())
    for pair, rows in pairs.items():
        if pair.predicted == pair.actual:
            found.hits[pair.actual] += rows
        else:
            found.false[pair.predicted] += rows
            found.missed[pair.actual] += rows
    return found
