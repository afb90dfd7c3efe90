"""Traffic over time: answers in slices, and what became of each variant in every one of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from examples.demo.evidence import Answer

# As wide as eighty columns leave room for.
SLICES = 24


def slices(answers: Sequence[Answer], most: int = SLICES) -> list[Sequence[Answer]]:
    """At most so many slices of equal length, in order.

    >>> [len(part) for part in slices(range(7), 3)]
    [2, 3, 2]
    """
    count = min(most, len(answers))
    edges = [round(len(answers) * part / count) for part in range(count + 1)] if count else []
    return [answers[a:b] for a, b in pairwise(edges)]


def shares(answers: Sequence[Answer], variants: Sequence[str]) -> Mapping[str, list[float]]:
    """Per variant its share of every slice."""
    counted = [Counter(answer.variant for answer in part) for part in slices(answers)]
    return {variant: [counts[variant] / counts.total() for counts in counted] for variant in variants}


def accuracy(answers: Sequence[Answer]) -> float | None:
    """Share of right ones among those that were answered."""
    known = [answer.right for answer in answers if answer.label is not None]
    return sum(known) / len(known) if known else None
