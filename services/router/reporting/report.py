"""Reads what feedback has counted of a router, and puts rows together."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1.traffic_pb2 import TrafficBucket, TrafficGroup
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.router.reporting.quality import agree, fill, lost_of, missing
from services.router.reporting.query import POLICY, SEGMENT, VARIANT, Query, query_of
from services.router.reporting.tally import Tally
from services.state import ids
from services.state.agreements import agreements, asks_several
from services.state.buckets import MINUTE, READ_SECONDS, Bucket
from services.state.connection import Connections
from services.state.group import Group
from services.state.heartbeats import Heartbeats
from services.state.outcomes import OTHER, REWARD, Cell, OutcomeStore, Sum, reward_metric
from services.state.panels import PanelStore
from services.state.qualities import Counted, Place, QualityStore, Sums
from services.state.streams import EVENTS, TRUTH
from services.state.traffic import TrafficStore

COUNTING = "feedback"


class Key(NamedTuple):
    """What a row's predictions have in common; empty where rows are not told apart by it."""

    part: int
    variant: str
    policy: str
    segment: str = ""


Rows = dict[Key, Tally]


@dataclass(frozen=True, slots=True)
class Reports:
    """Answers GetMetrics. `now` is in seconds since 1970. Raises StateUnavailable, NewerFormat."""

    traffic: TrafficStore
    outcomes: OutcomeStore
    qualities: QualityStore
    panels: PanelStore
    lags: Mapping[str, Group[Any]]
    heartbeats: Heartbeats
    now: Callable[[], float]

    async def of(self, router: Router, request: rpc.GetMetricsRequest) -> rpc.GetMetricsResponse:
        """The metrics of a router. Raises what is wrong with the request."""
        query = query_of(request, self.now())
        # Before the counts: what is counted meanwhile makes the warning too cautious, never too bold.
        late = [warning async for warning in self._late(router)]
        counted = await self.traffic.read(router.uid, query.buckets)
        outcomes = await self.outcomes.read(router.uid, query.buckets)
        judged = await self.qualities.read(router.uid, query.buckets)
        total, rows = Tally(), self._blank(router, query)
        for bucket, group in _groups(counted):
            for tally in _tallies(query, bucket, group, total, rows):
                tally.add(group)
        for bucket, cell, units in _credits(outcomes, reward_metric(router), _segments(counted)):
            for tally in _tallies(query, bucket, cell, total, rows):
                tally.credit(cell, units)
        for bucket, place, sums in _judgements(judged, _segments(counted)):
            for tally in _tallies(query, bucket, place, total, rows):
                tally.qualities.update(sums.counts)
        lost = _lost(await self.traffic.gaps(router.uid), query)
        warnings = [*late, *lost, *_crowded(counted.values()), *missing(lost_of(judged.values()))]
        answer = Answer(query, router.task.positive_label, lost_of(judged.values()))
        reply = answer.of(total, rows, warnings)
        if asks_several(router):
            agree(reply, query, await agreements(self.panels, router.uid, query.start, query.end))
        return reply

    def _blank(self, router: Router, query: Query) -> Rows:
        """No rows yet; by variant alone, one for each of the configuration, for that nothing came is told."""
        rows: Rows = defaultdict(Tally)
        if query.groups == {VARIANT}:
            rows |= {Key(0, variant.id, ""): Tally() for variant in router.variants}
        return rows

    async def _late(self, router: Router) -> AsyncIterator[str]:
        partition = ids.partition_for(router.uid)
        for what, group in self.lags.items():
            if entries := await group.lag_at(partition):
                yield f"Late: {entries} {what} of the router's partition are not counted yet."
        if waiting := sum(replica.events_waiting for replica in await self.heartbeats.live()):
            yield f"Late: {waiting} events wait on replicas for Redis to take them, of any router."


def reports(connections: Connections, heartbeats: Heartbeats, now: Callable[[], float]) -> Reports:
    """What answers, on its stores."""
    lags: dict[str, Group[Any]] = {
        "batches of events": Group(connections, COUNTING, EVENTS),
        "reports of truth": Group(connections, COUNTING, TRUTH),
    }
    outcomes, qualities = OutcomeStore(connections.steady), QualityStore(connections.steady)
    panels = PanelStore(connections)
    return Reports(TrafficStore(connections), outcomes, qualities, panels, lags, heartbeats, now)


def _tallies(
    query: Query, bucket: Bucket, one: TrafficGroup | Cell | Place, total: Tally, rows: Rows
) -> Iterator[Tally]:
    """What counts a group or a cell. Those of segments count the same predictions once more, so the total
    never has them, and rows have either them or the others."""
    if not one.segment:
        yield total
    if bool(one.segment) == (SEGMENT in query.groups):
        yield rows[
            Key(
                query.part(bucket),
                one.variant if VARIANT in query.groups else "",
                one.policy if POLICY in query.groups else "",
                one.segment,
            )
        ]


def _groups(counted: Mapping[Bucket, TrafficBucket]) -> Iterator[tuple[Bucket, TrafficGroup]]:
    return ((bucket, group) for bucket, traffic in counted.items() for group in traffic.groups)


def _segments(counted: Mapping[Bucket, TrafficBucket]) -> Mapping[Bucket, set[str]]:
    return {
        bucket: {group.segment for group in traffic.groups if group.segment}
        for bucket, traffic in counted.items()
    }


def _credits(
    outcomes: Mapping[Bucket, Mapping[Cell, Sum]], metric: str, segments: Mapping[Bucket, set[str]]
) -> Iterator[tuple[Bucket, Cell, Sum]]:
    for bucket, cells in outcomes.items():
        for cell, units in cells.items():
            if cell.kind == REWARD and cell.metric != metric:
                continue
            yield bucket, cell._replace(segment=_segment(cell.segment, segments.get(bucket, ()))), units


def _judgements(
    judged: Mapping[Bucket, Counted], segments: Mapping[Bucket, set[str]]
) -> Iterator[tuple[Bucket, Place, Sums]]:
    for bucket, counted in judged.items():
        for place, sums in counted.sums.items():
            yield bucket, place._replace(segment=_segment(place.segment, segments.get(bucket, ()))), sums


def _segment(segment: str, there: Collection[str]) -> str:
    """A value that found no room among the bucket's predictions has none among what came of them."""
    other = segment and f"{segment.partition('=')[0]}={OTHER}"
    return other if other in there and segment not in there else segment


def _lost(gaps: Iterable[Bucket], query: Query) -> Iterator[str]:
    # A gap marks the minutes and the hours that it covers: minutes say more, while they are kept.
    told_by_minute = query.end - READ_SECONDS[MINUTE]
    inside = [
        gap
        for gap in gaps
        if gap.start + gap.seconds > query.start
        and gap.start < query.end
        and (gap.seconds == MINUTE or gap.start < told_by_minute)
    ]
    if inside:
        minutes = {start for gap in inside for start in range(gap.start, gap.start + gap.seconds, MINUTE)}
        yield (
            f"Incomplete: events were lost on their way, of any router of the partition, in up to "
            f"{len(minutes)} minutes of the window."
        )


def _crowded(counted: Iterable[TrafficBucket]) -> Iterator[str]:
    if any(group.variant == OTHER for traffic in counted for group in traffic.groups):
        yield "Some predictions are counted as OTHER: there were too many at once."


class Answer(NamedTuple):
    """How rows are written: positive is the label of the task, if it has one; lost, what is not known."""

    query: Query
    positive: str
    lost: frozenset[str]

    def of(self, total: Tally, rows: Rows, warnings: list[str]) -> rpc.GetMetricsResponse:
        """The reply."""
        reply = rpc.GetMetricsResponse(total=self._row(total, total.requests), warnings=warnings)
        _stamp(reply.total, self.query.start, self.query.end)
        for key, tally in sorted(rows.items()):
            row = self._row(tally, total.requests)
            row.variant, row.policy, row.segment = key.variant, key.policy, key.segment
            _stamp(row, *self.query.span(key.part))
            reply.rows.append(row)
        return reply

    def _row(self, tally: Tally, of: int) -> rpc.RouterMetrics:
        row = tally.row(of)
        fill(row, tally.qualities, self.positive, self.lost)
        return row


def _stamp(row: rpc.RouterMetrics, start: float, end: float) -> None:
    row.start_time.CopyFrom(_timestamp(start))
    row.end_time.CopyFrom(_timestamp(end))


def _timestamp(seconds: float) -> Timestamp:
    made = Timestamp()
    made.FromMicroseconds(int(seconds * 1e6))
    return made
