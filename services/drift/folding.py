"""Folds logged rows into profiles: columns first, then one counting pass per feature and bucket."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.drift.baselines import Baseline, Feature
from services.drift.buckets import Bucket, buckets_of
from services.drift.cells import MAX_NAMES, Grid, Tally
from services.drift.cells.blob import Profile
from services.drift.cells.vocabulary import capped


@dataclass(frozen=True, slots=True)
class Row:
    """One logged row: its event time in seconds since the epoch, and its features. What the router was told
    not to log is in `withheld`: it is neither there nor missing."""

    time: float
    numeric: Mapping[str, float] = field(default_factory=dict)
    categorical: Mapping[str, str] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()


def fold(baseline: Baseline, rows: Iterable[Row], last_entry: str, now: float) -> dict[Bucket, Profile]:
    """What `rows` add to each bucket of each resolution; rows past a resolution's retention are left out."""
    by_buckets: dict[tuple[Bucket, ...], list[Row]] = defaultdict(list)
    for row in rows:
        by_buckets[buckets_of(row.time, now)].append(row)
    added: dict[Bucket, Profile] = {}
    for buckets, group in by_buckets.items():
        profile = count(baseline, group, last_entry)
        for bucket in buckets:
            known = added.get(bucket)
            added[bucket] = known.plus(profile, last_entry) if known else profile
    return added


def bounded(baseline: Baseline, profile: Profile) -> Profile:
    """The profile with no more unseen names per feature than a tally may have; the others join OTHER."""
    if all(len(names) <= MAX_NAMES for names in profile.unseen.values()):
        return profile
    tallies = [capped(tally) for tally in profile.tallies(baseline.sizes)]
    return Profile.of(profile.last_entry, profile.rows, tallies)


def count(baseline: Baseline, rows: Sequence[Row], last_entry: str) -> Profile:
    """The rows as a profile of their own."""
    return Profile.of(last_entry, len(rows), [_count_feature(feature, rows) for feature in baseline.features])


def _count_feature(feature: Feature, rows: Sequence[Row]) -> Tally:
    name = feature.name
    rows = [row for row in rows if name not in row.withheld]
    if isinstance(feature.frame, Grid):
        numbers = [row.numeric[name] for row in rows if name in row.numeric]
        return feature.frame.count(numbers, missing=len(rows) - len(numbers))
    names = [row.categorical[name] for row in rows if row.categorical.get(name)]
    return feature.frame.count(names, missing=len(rows) - len(names))
