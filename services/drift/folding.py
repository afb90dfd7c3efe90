"""Folds logged rows into profiles: columns first, then one counting pass per feature and set of buckets."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from services.drift.baselines import Baseline, Feature, Role
from services.drift.buckets import Bucket
from services.drift.cells import MAX_NAMES, Grid, Tally, Vocabulary
from services.drift.cells.blob import Profile
from services.drift.cells.vocabulary import capped
from services.drift.columns import Columns, columns
from services.drift.placing import Buckets, Placed
from services.drift.rows import Floats, Rows
from services.drift.spelling import respelt
from services.state.positions import order

# What a profile of a few rows is summed up under before it is part of a bucket.
NO_ENTRY = ""


def add(
    baseline: Baseline, stored: Mapping[Bucket, Profile], placed: Iterable[Placed]
) -> dict[Bucket, Profile]:
    """The buckets that rows change, whole. What a stored one contains already, by the id of its last entry,
    is not added again: entries come again after a failure. Rows of many entries are counted at once."""
    groups: dict[Buckets, list[Rows]] = defaultdict(list)
    last: dict[Bucket, str] = {}
    for entry, buckets, rows in placed:
        fresh = tuple(
            bucket
            for bucket in buckets
            if bucket not in stored or order(stored[bucket].last_entry) < order(entry)
        )
        if fresh:
            groups[fresh] += rows
            last |= dict.fromkeys(fresh, entry)
    changed: dict[Bucket, Profile] = {}
    for fresh, rows in groups.items():
        counted = count(baseline, rows, NO_ENTRY)
        for bucket in fresh:
            known = changed.get(bucket) or stored.get(bucket)
            changed[bucket] = known.plus(counted, last[bucket]) if known else counted.at(last[bucket])
    return changed


def bounded(baseline: Baseline, profile: Profile) -> Profile:
    """The profile with no more unseen names per feature than a tally may have; the others join OTHER."""
    if all(len(names) <= MAX_NAMES for names in profile.unseen.values()):
        return profile
    tallies = [capped(tally) for tally in profile.tallies(baseline.sizes)]
    return Profile.of(profile.last_entry, profile.rows, tallies)


def count(baseline: Baseline, rows: Sequence[Rows], last_entry: str) -> Profile:
    """The rows as a profile of their own."""
    given = [some for some in rows if some.given]
    features = [one for one in baseline.features if one.role is Role.FEATURE]
    values, size = _columns(given, features), _size(given)
    hidden = frozenset[str]().union(*(some.hidden() for some in given))
    tallies = []
    for feature in baseline.features:
        if feature.role is not Role.FEATURE:
            tallies.append(_count_answers(feature, rows))
        elif feature.name in hidden:
            shown = [part for some in given if (part := some.showing(feature.name)) is not None]
            tallies.append(_count_column(feature, _columns(shown, [feature]), _size(shown)))
        else:
            tallies.append(_count_column(feature, values, size))
    return Profile.of(last_entry, _size(rows), tallies)


def _size(rows: Iterable[Rows]) -> int:
    return sum(some.size for some in rows)


def _columns(rows: Sequence[Rows], features: Iterable[Feature]) -> Columns:
    numbers, texts = list[str](), list[str]()
    for one in features:
        (numbers if isinstance(one.frame, Grid) else texts).append(one.name)
    return columns(rows, numbers, texts)


def _count_column(feature: Feature, values: Columns, size: int) -> Tally:
    if isinstance(feature.frame, Grid):
        return _count_numbers(feature.frame, values.numbers[feature.name], size)
    return _count_texts(feature.frame, values.texts[feature.name], size)


def _count_answers(feature: Feature, rows: Sequence[Rows]) -> Tally:
    said = [one for some in rows for one in some.answers()]
    size, frame = sum(len(one.labels) for one in said), feature.frame
    if feature.role is Role.PREDICTION and not isinstance(frame, Grid):
        labels = Counter(label for one in said for label in one.labels if label)
        return _count_texts(frame, labels, size)
    scores = np.array([score for one in said for score in one.scores if score is not None], dtype=np.float64)
    if isinstance(frame, Grid):
        return _count_numbers(frame, scores, size)
    return _count_texts(frame, Counter(map(str, scores)), size)


def _count_numbers(frame: Grid, values: Floats, size: int) -> Tally:
    """The values of `size` rows; the others are missing."""
    return frame.count(values, missing=size - len(values))


def _count_texts(frame: Vocabulary, values: Counter[str], size: int) -> Tally:
    """The same of texts that are counted already."""
    return frame.count_names(respelt(values, frame), missing=size - values.total())
