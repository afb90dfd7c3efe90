"""A model's history, read and added up by step and group."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from turnout.feedback.v1.traffic_pb2 import TrafficGroup

from services.drift.performance.figures import Tally
from services.drift.performance.query import ROUTER, SEGMENT, VARIANT, Query
from services.state.asked import AskedStore
from services.state.buckets import Bucket
from services.state.qualities import Place, QualityStore, Sums


class Row(NamedTuple):
    """Of a point: where its step begins, the router's uid, the variant and the segment; empty where points
    are not told apart by it."""

    start: int
    router: str
    variant: str
    segment: str


@dataclass(frozen=True, slots=True)
class HistoryReader:
    """Reads what feedback has counted. Raises StateUnavailable and NewerFormat."""

    qualities: QualityStore
    asked: AskedStore

    async def read(self, model_uid: str, query: Query) -> dict[Row, Tally]:
        """Tallies of the query's page, in the order of time and groups."""
        buckets = query.buckets
        judged = await self.qualities.read(model_uid, buckets)
        asked = await self.asked.read(model_uid, buckets)
        found: dict[Row, Tally] = {}
        for bucket, counted in judged.items():
            for row, sums in _judged(query, bucket, counted.sums):
                tally = found.setdefault(row, Tally(lost=set(counted.lost)))
                tally.lost |= counted.lost
                tally.counts.update(sums.counts)
        for bucket, parts in asked.items():
            for group in (group for part in parts for group in part.groups):
                place = _row(query, bucket, group.variant, group.policy, group.segment)
                if place is not None:
                    _add(found.setdefault(place, Tally()), group)
        return dict(sorted(found.items()))


def totals(query: Query, found: Mapping[Row, Tally]) -> dict[Row, Tally]:
    """The same of all steps together, by group."""
    whole: dict[Row, Tally] = {}
    for row, tally in found.items():
        whole.setdefault(row._replace(start=query.first), Tally()).add(tally)
    return dict(sorted(whole.items()))


def _judged(query: Query, bucket: Bucket, sums: Mapping[Place, Sums]) -> Iterator[tuple[Row, Sums]]:
    for place, some in sums.items():
        if row := _row(query, bucket, place.variant, place.policy, place.segment):
            yield row, some


def _row(query: Query, bucket: Bucket, variant: str, router: str, segment: str) -> Row | None:
    """None for what the query does not ask for."""
    by_segment = SEGMENT in query.groups
    if query.segment:
        if segment != query.segment:
            return None
    elif bool(segment) != by_segment:
        return None
    return Row(
        query.part(bucket),
        router if ROUTER in query.groups else "",
        variant if VARIANT in query.groups else "",
        segment if by_segment else "",
    )


def _add(tally: Tally, group: TrafficGroup) -> None:
    tally.rows += group.rows
    tally.calls += group.requests
    tally.failures += group.errors
    tally.cells.update(Counter(dict(group.latency_cells)))
