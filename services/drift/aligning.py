"""Two models side by side: the columns that both have, counted on one frame.

Features meet by their name, outputs by their role, whatever each baseline calls them. Categories are counted
by name, so any two vocabularies have a union. Numbers are counted in cells that were frozen at each model's
own baseline: they are compared where both have the same cells, and otherwise it is told why not.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from services.drift.baselines import Baseline, Feature, Role
from services.drift.cells import Grid, Tally, Vocabulary
from services.drift.cells.blob import Profile
from services.drift.cells.vocabulary import MISSING, OTHER

Counted = tuple[Feature, Tally]


class Aligned(NamedTuple):
    """What can be compared: each feature with the reference's counts as its own, and the window's counts. And
    the columns that are left out, and why, a sentence each."""

    features: list[Counted]
    apart: list[Feature]
    left_out: list[str]


class Seen(NamedTuple):
    """What a model saw and said in the window, on the cells of its baseline."""

    baseline: Baseline
    profile: Profile

    def columns(self) -> list[Counted]:
        """Each column with its counts."""
        tallies = self.profile.tallies(self.baseline.sizes)
        return list(zip(self.baseline.features, tallies, strict=True))


def align(own: Seen, other: Seen, only: Sequence[str] = ()) -> Aligned:
    """The columns of `own`, or those named, against the same ones of `other`."""
    theirs = {_key(feature): (feature, tally) for feature, tally in other.columns()}
    aligned = Aligned([], [], [])
    for feature, tally in own.columns():
        if only and feature.name not in only:
            continue
        found = theirs.get(_key(feature))
        pair = _pair((feature, tally), found) if found else f"{other.baseline.name} has no such column"
        if isinstance(pair, str):
            aligned.apart.append(feature)
            aligned.left_out.append(f"{feature.name}: not compared, as {pair}.")
        else:
            aligned.features.append(pair)
    return aligned


def _key(feature: Feature) -> tuple[Role, str]:
    return feature.role, feature.name if feature.role is Role.FEATURE else ""


def _pair(own: Counted, other: Counted) -> Counted | str:
    """The column on one frame, or why there is none."""
    (feature, tally), (reference, before) = own, other
    left, right = feature.frame, reference.frame
    if isinstance(left, Grid) and isinstance(right, Grid):
        if left.id != right.id:
            return "each model counts it in cells of its own; give both baselines the same edges"
        return _on(feature, left, before), tally
    if isinstance(left, Vocabulary) and isinstance(right, Vocabulary):
        return _named(feature, left, right, before, tally)
    return "it is a number to one of the models and a category to the other"


def _named(
    feature: Feature, left: Vocabulary, right: Vocabulary, before: Tally, after: Tally
) -> Counted | str:
    both = set(left.names) & set(right.names)
    # A vocabulary with too many names does not know which of them it left out: only shared ones are sure.
    overflowed = left.overflowed or right.overflowed
    if overflowed and not both:
        return "the models share none of its most frequent categories"
    names = both if overflowed else set(left.names) | set(right.names)
    union = Vocabulary(tuple(sorted(names)), overflowed)
    return _on(feature, union, _recount(union, right, before)), _recount(union, left, after)


def _recount(union: Vocabulary, frame: Vocabulary, tally: Tally) -> Tally:
    """The tally on the union of names."""
    counts: Mapping[str, int] = dict(zip(frame.names, tally.columns.tolist(), strict=False)) | dict(
        tally.unseen
    )
    columns = np.zeros(union.size, dtype=np.int64)
    columns[: len(union.names)] = [counts.get(name, 0) for name in union.names]
    columns[MISSING], columns[OTHER] = tally.columns[MISSING], tally.columns[OTHER]
    rest = {name: count for name, count in counts.items() if count and name not in set(union.names)}
    if union.overflowed:
        columns[OTHER] += sum(rest.values())
        rest = {}
    return Tally(columns, rest)


def _on(feature: Feature, frame: Grid | Vocabulary, reference: Tally) -> Feature:
    return Feature(feature.name, frame, reference, feature.importance, feature.role)
