"""Features from counts that somebody made elsewhere; what does not add up is refused."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from turnout.drift.v1 import baseline_rpc_pb2 as rpc

from services.drift.baselines import MAX_FEATURES, Feature, Role
from services.drift.cells import MAX_CELLS, MAX_NAMES, Frame, Tally, Vocabulary, regrid
from services.foundation.errors import FieldViolation, InvalidArgument

Wrong = list[FieldViolation]
# Beyond, a double no longer tells one row from none.
MOST_ROWS = 2**53
REASON = "counted elsewhere as such"


def read_aggregates(
    aggregates: rpc.Aggregates,
    importance: Mapping[str, float],
    declared: Sequence[str],
    roles: Mapping[str, Role],
) -> tuple[int, tuple[Feature, ...]]:
    """Rows and features. Raises InvalidArgument with every wrong field."""
    wrong: Wrong = [*_wrong_whole(aggregates, declared, roles)]
    frames: dict[str, tuple[Frame, Tally]] = {}
    for name, numeric in aggregates.numeric.items():
        if not (found := [*_wrong_histogram(f"aggregates.numeric[{name!r}]", numeric, aggregates.rows)]):
            frames[name] = _histogram(numeric)
        wrong += found
    for name, categorical in aggregates.categorical.items():
        if not (found := [*_wrong_names(f"aggregates.categorical[{name!r}]", categorical, aggregates.rows)]):
            frames[name] = _names(categorical)
        wrong += found
    if wrong:
        raise InvalidArgument(f"{wrong[0].field} {wrong[0].description}", fields=wrong)
    features = [
        Feature(name, *frames[name], importance.get(name, 1.0), roles.get(name, Role.FEATURE), REASON)
        for name in sorted(frames)
    ]
    return aggregates.rows, tuple(features)


def _histogram(given: rpc.NumericAggregate) -> tuple[Frame, Tally]:
    edges, counts = np.array(given.edges), np.array(given.counts, dtype=np.int64)
    if len(counts) < len(edges):
        counts = np.pad(counts, 1)
    beside = [given.missing, given.nan, given.positive_infinity, given.negative_infinity]
    return regrid(edges, counts), Tally(np.append(counts, np.array(beside, dtype=np.int64)))


def _names(given: rpc.CategoricalAggregate) -> tuple[Frame, Tally]:
    names = sorted(name for name, count in given.counts.items() if count)
    counts = [given.counts[name] for name in names]
    vocabulary = Vocabulary(tuple(names), overflowed=given.other > 0)
    return vocabulary, Tally(np.array([*counts, given.other, given.missing], dtype=np.int64))


def _wrong_whole(
    given: rpc.Aggregates, declared: Sequence[str], roles: Mapping[str, Role]
) -> Iterator[FieldViolation]:
    names = [*given.numeric, *given.categorical]
    if not names or len(names) > MAX_FEATURES:
        yield FieldViolation("aggregates", f"has {len(names)} features; 1 to {MAX_FEATURES} are profiled")
    if not 1 <= given.rows <= MOST_ROWS:
        yield FieldViolation("aggregates.rows", f"must be 1 to 2^53, got {given.rows}")
    for name in names:
        if not name:
            yield FieldViolation("aggregates", "has a feature without a name")
        elif declared and name not in declared and name not in roles:
            said = f"has {name!r}, no feature of the model's signature ({', '.join(declared[:10])})"
            yield FieldViolation("aggregates", said)
    for name in given.numeric.keys() & given.categorical.keys():
        yield FieldViolation(f"aggregates.categorical[{name!r}]", "is numeric as well; give it once")


def _wrong_histogram(field: str, given: rpc.NumericAggregate, rows: int) -> Iterator[FieldViolation]:
    edges = np.array(given.edges)
    if not 2 <= len(edges) < MAX_CELLS:
        yield FieldViolation(f"{field}.edges", f"must be 2 to {MAX_CELLS - 1} numbers, got {len(edges)}")
    elif not np.isfinite(edges).all():
        yield FieldViolation(
            f"{field}.edges", "must be finite numbers; the outermost cells are open by themselves"
        )
    elif (np.diff(edges) <= 0).any():
        at = int(np.flatnonzero(np.diff(edges) <= 0)[0])
        yield FieldViolation(
            f"{field}.edges[{at + 1}]", f"must be above {edges[at]:g}, got {edges[at + 1]:g}"
        )
    if len(given.counts) not in (len(edges) + 1, len(edges) - 1):
        said = f"must be {len(edges) + 1} with open ends or {len(edges) - 1} without, got {len(given.counts)}"
        yield FieldViolation(f"{field}.counts", said)
    beside = {
        "missing": given.missing,
        "nan": given.nan,
        "positive_infinity": given.positive_infinity,
        "negative_infinity": given.negative_infinity,
    }
    yield from _wrong_counts(field, given.counts, beside, rows)


def _wrong_names(field: str, given: rpc.CategoricalAggregate, rows: int) -> Iterator[FieldViolation]:
    if len(given.counts) > MAX_NAMES:
        said = f"has {len(given.counts):,} names; give the {MAX_NAMES:,} most frequent, and the rest as other"
        yield FieldViolation(f"{field}.counts", said)
    if "" in given.counts:
        yield FieldViolation(f"{field}.counts", "has an empty name; count missing values as missing")
    beside = {"other": given.other, "missing": given.missing}
    yield from _wrong_counts(field, list(given.counts.values()), beside, rows)


def _wrong_counts(
    field: str, counts: Sequence[int], beside: Mapping[str, int], rows: int
) -> Iterator[FieldViolation]:
    if any(count < 0 for count in counts):
        yield FieldViolation(f"{field}.counts", f"must not be negative, got {min(counts)}")
        return
    for name, count in beside.items():
        if count < 0:
            yield FieldViolation(f"{field}.{name}", f"must not be negative, got {count}")
            return
    if not any(counts):
        yield FieldViolation(f"{field}.counts", "must count at least one row")
    elif (total := sum(counts) + sum(beside.values())) != rows:
        said = f"add up to {total:,} with what is beside them, and aggregates.rows is {rows:,}"
        yield FieldViolation(f"{field}.counts", said)
