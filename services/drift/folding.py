"""Folds logged rows into profiles: columns first, then one counting pass per feature and set of buckets."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from services.drift.baselines import Baseline, Feature, Role
from services.drift.buckets import Bucket, buckets_of
from services.drift.cells import MAX_NAMES, Grid, Tally, Vocabulary
from services.drift.cells.blob import Profile
from services.drift.cells.vocabulary import capped
from services.drift.columns import Columns, columns
from services.drift.rows import Block, Floats, Row, Rows
from services.state.positions import order

Buckets = tuple[Bucket, ...]
MINUTE = 60
# What a profile of a few rows is summed up under before it is part of a bucket.
NO_ENTRY = ""


class Placed(NamedTuple):
    """Rows of one stream entry that are counted in the same buckets."""

    entry: str
    buckets: Buckets
    rows: list[Rows]


def fold(baseline: Baseline, rows: Iterable[Rows], last_entry: str, now: float) -> dict[Bucket, Profile]:
    """What `rows` add to each bucket of each resolution; rows past a resolution's retention are left out."""
    return add(baseline, {}, place({last_entry: rows}, now))


def place(entries: Mapping[str, Iterable[Rows]], now: float) -> list[Placed]:
    """The rows of each entry by the buckets that they are counted in; entries stay in their order."""
    placed = []
    for entry, rows in entries.items():
        minutes: dict[float, list[Rows]] = defaultdict(list)
        for row in rows:
            minutes[row.time // MINUTE].append(row)
        groups: dict[Buckets, list[Rows]] = defaultdict(list)
        for minute, some in minutes.items():
            ends = (minute * MINUTE, np.nextafter(minute * MINUTE + MINUTE, 0.0))
            first, last = (buckets_of(float(time), now) for time in ends)
            if first == last:
                groups[first] += some
                continue
            # Retention ends within the minute, or the clock's lead does: then each row is looked at.
            for row in some:
                groups[buckets_of(row.time, now)].append(row)
        placed += [Placed(entry, buckets, some) for buckets, some in groups.items() if buckets]
    return placed


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
    records = [row for row in rows if isinstance(row, Row)]
    blocks = [row for row in rows if isinstance(row, Block)] if len(records) < len(rows) else []
    given = [block for block in blocks if block.given]
    features = [one for one in baseline.features if one.role is Role.FEATURE]
    values, size = _columns(records, given, features), _size(records, given)
    hidden = frozenset[str]().union(*{row.withheld for row in records})
    tallies = []
    for feature in baseline.features:
        if feature.role is not Role.FEATURE:
            tallies.append(_count_answers(feature, rows))
        elif feature.name in hidden:
            shown = [row for row in records if feature.name not in row.withheld]
            own = _columns(shown, given, [feature])
            tallies.append(_count_column(feature, own, _size(shown, given)))
        else:
            tallies.append(_count_column(feature, values, size))
    return Profile.of(last_entry, _size(records, blocks), tallies)


def _size(records: Sequence[Row], blocks: Iterable[Block]) -> int:
    return len(records) + sum(block.size for block in blocks)


def _columns(records: Sequence[Row], blocks: Sequence[Block], features: Iterable[Feature]) -> Columns:
    numbers, texts = list[str](), list[str]()
    for one in features:
        (numbers if isinstance(one.frame, Grid) else texts).append(one.name)
    return columns(records, blocks, numbers, texts)


def _count_column(feature: Feature, values: Columns, size: int) -> Tally:
    if isinstance(feature.frame, Grid):
        return _count_numbers(feature.frame, values.numbers[feature.name], size)
    return _count_texts(feature.frame, values.texts[feature.name], size)


def _count_answers(feature: Feature, rows: Sequence[Rows]) -> Tally:
    said = [row.said for row in rows if row.said is not None]
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
    return frame.count_names(values, missing=size - values.total())
