"""A model's history, read and added up by step and group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.drift.performance.figures import Tally
from services.drift.performance.query import ROUTER, SEGMENT, VARIANT, Query
from services.drift.performance.remembering import Remembered
from services.drift.spelling import segment_value
from services.state.asked import AskedStore
from services.state.buckets import Bucket
from services.state.parts import part_key, part_of
from services.state.qualities import Place


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

    qualities: Remembered
    asked: AskedStore

    async def read(self, model_uid: str, query: Query) -> dict[Row, Tally]:
        """Tallies of the query's page, in the order of time and groups."""
        buckets = query.buckets
        judged = await self.qualities.read(model_uid, buckets)
        asked = await self.asked.read(model_uid, buckets)
        found: dict[Row, Tally] = {}
        for bucket, counted in judged.items():
            for place, sums in counted.sums.items():
                if row := _row(query, bucket, place):
                    tally = found.setdefault(row, Tally())
                    tally.lost |= counted.lost
                    tally.counts.update(sums.counts)
        for bucket, those in asked.items():
            for one in those:
                if row := _row(query, bucket, one.place):
                    found.setdefault(row, Tally()).take(one)
        return dict(sorted(found.items()))


def totals(query: Query, found: Mapping[Row, Tally]) -> dict[Row, Tally]:
    """The same of all steps together, by group."""
    whole: dict[Row, Tally] = {}
    for row, tally in found.items():
        whole.setdefault(row._replace(start=query.first), Tally()).add(tally)
    return dict(sorted(whole.items()))


def _row(query: Query, bucket: Bucket, place: Place) -> Row | None:
    """None for what the query does not ask for."""
    variant, router, segment = place
    by_segment = SEGMENT in query.groups
    if query.segment:
        name, value = part_of(segment)
        if part_key(name, segment_value(value)) != query.segment:
            return None
    elif bool(segment) != by_segment:
        return None
    return Row(
        query.part(bucket),
        router if ROUTER in query.groups else "",
        variant if VARIANT in query.groups else "",
        segment if by_segment else "",
    )
