"""Plurality among answers of which two may be the same without being equal."""

from collections.abc import Sequence

import numpy as np

from services.aggregator.alike import near, numbered
from services.aggregator.answers import Flags, Floats
from services.aggregator.canonical import Json, key_of
from services.aggregator.combiners.panel import LEVEL
from services.aggregator.tolerance import EXACT, Tolerance


def plurality(same: Flags, apart: Floats, weights: Floats, confidence: Floats) -> tuple[int, bool]:
    """The member whose answer has the most weight of the same answers around it, and whether it took a tie
    rule to find it.

        support(i) = sum over members j of share(j) * [i and j say the same]

    `same` and `apart` [members, members] are symmetric; `weights` [members] are not all 0. Level answers are
    told apart by the confidence behind them, then by how near they are to those who say the same (the
    medoid), then by the declared order. Only if level answers are not the same it was a tie. Whoever has no
    weight is not chosen: it must not win as a bridge between two camps.
    """
    support = np.where(weights > 0, same @ weights, -np.inf)
    leading = support >= support.max() - LEVEL
    tied = bool(np.any(~same[np.ix_(leading, leading)]))
    for score in (same @ (weights * confidence), -((same * apart) @ weights)):
        leading &= score >= score[leading].max() - LEVEL
    return int(leading.argmax()), tied


def sameness(values: Sequence[Json], tolerance: Tolerance) -> tuple[Flags, Floats]:
    """[members, members]: which canonical values are the same, and how far those are apart."""
    if tolerance != EXACT:
        return near(values, tolerance)
    keys = numbered(key_of(value) for value in values)
    same = keys[:, None] == keys[None]
    return same, np.zeros(same.shape)
