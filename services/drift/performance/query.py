"""What GetPerformanceHistory is asked for, checked."""

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.drift.v1 import performance_pb2 as rpc

from services.drift.performance.estimates import deviations
from services.drift.segments import segment_asked
from services.foundation.errors import InvalidArgument
from services.state import pages
from services.state.buckets import DAY, HISTORY_SECONDS, HOUR, Bucket
from services.state.labels import short
from services.state.moments import iso, moment
from services.state.parts import part_key

WEEK = 7 * DAY
# 1970 began on a Thursday: the first Monday after it is what weeks are counted from.
MONDAY = 4 * DAY

HOURLY, DAILY = rpc.PERFORMANCE_STEP_HOURLY, rpc.PERFORMANCE_STEP_DAILY
WEEKLY = rpc.PERFORMANCE_STEP_WEEKLY
SECONDS = {HOURLY: HOUR, DAILY: DAY, WEEKLY: WEEK}
# What is shown where nothing is asked for: a screen of points.
DEFAULT_SPAN = {HOURLY: DAY, DAILY: 30 * DAY, WEEKLY: 90 * DAY}
KEPT = HISTORY_SECONDS[DAY]
# A month of hours: a page stays below a megabyte, and its reading below some tens of milliseconds.
MOST_STEPS = 750

ROUTER, VARIANT = rpc.PERFORMANCE_GROUP_ROUTER, rpc.PERFORMANCE_GROUP_VARIANT
SEGMENT = rpc.PERFORMANCE_GROUP_SEGMENT

DEFAULT_CONFIDENCE, LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.95, 0.5, 0.999


@dataclass(frozen=True, slots=True)
class Query:
    """start, end: of whole steps, in seconds since 1970; first, last: of this page. segment: by its key;
    empty for all traffic. z: standard deviations of intervals; token: of the next page."""

    step: rpc.PerformanceStep
    start: int
    end: int
    first: int
    last: int
    groups: frozenset[int]
    segment: str
    positive: str
    confidence: float
    z: float
    token: str

    @property
    def buckets(self) -> Sequence[Bucket]:
        """Those that the page is made of."""
        seconds = HOUR if self.step == HOURLY else DAY
        return [Bucket(seconds, at) for at in range(self.first, self.last, seconds)]

    def part(self, bucket: Bucket) -> int:
        """Where the step begins that a bucket lies in."""
        return begin(bucket.start, self.step)


def begin(time: float, step: rpc.PerformanceStep) -> int:
    """Where the step begins that a time lies in.

    >>> begin(1_763_769_600, WEEKLY), begin(1_763_769_600, DAILY)
    (1763337600, 1763769600)
    """
    seconds, offset = SECONDS[step], MONDAY if step == WEEKLY else 0
    return int((time - offset) // seconds) * seconds + offset


def query_of(request: rpc.GetPerformanceHistoryRequest, now: float) -> Query:
    """The query. Raises InvalidArgument, BadTimestamp and BadPageToken, naming the field."""
    step = request.step or DAILY
    if step not in SECONDS:
        raise refused("step", f"is PERFORMANCE_STEP_HOURLY, _DAILY or _WEEKLY; got {step}")
    start, end = _range(request, step, now)
    groups = frozenset(request.group_by)
    if unknown := groups - {ROUTER, VARIANT, SEGMENT}:
        known = ", ".join(rpc.PerformanceGroup.Name(one) for one in (ROUTER, VARIANT, SEGMENT))
        raise refused("group_by", f"is one or more of {known}; got {min(unknown)}")
    confidence = _confidence(request)
    part = segment_asked(request)
    segment = part_key(*part) if part else ""
    size = min(pages.size(request.page_size, MOST_STEPS), MOST_STEPS)
    # As they were asked for: ends that move with the clock are those of the same list.
    asked = (step, request.start_time.seconds, request.end_time.seconds, sorted(groups), segment)
    name = f"performance {request.model} {asked} {request.positive_label} {confidence}"
    token = pages.unseal(name, request.page_token)
    first = max(int(token), start) if token else start
    last = min(first + size * SECONDS[step], end)
    next_token = pages.seal(name, str(last)) if last < end else ""
    positive = short(request.positive_label)
    z = deviations(confidence)
    return Query(step, start, end, first, last, groups, segment, positive, confidence, z, next_token)


def refused(field: str, said: str) -> InvalidArgument:
    """What is wrong with a field."""
    return InvalidArgument(f"{field} {said}", fields=[(field, said)])


def _range(
    request: rpc.GetPerformanceHistoryRequest, step: rpc.PerformanceStep, now: float
) -> tuple[int, int]:
    end = moment(request.end_time, "end_time") if request.HasField("end_time") else now
    start = end - DEFAULT_SPAN[step]
    if request.HasField("start_time"):
        start = moment(request.start_time, "start_time")
    if start >= end:
        raise refused("start_time", f"must lie before end_time ({iso(end)}), got {iso(start)}")
    if end <= now - KEPT:
        raise refused(
            "end_time", f"must be less than 90 days ago: history is kept for so long; got {iso(end)}"
        )
    # What lies in the future has no predictions: an hour of it is the clock of somebody else.
    end = min(end, now + HOUR)
    if start >= end:
        raise refused("start_time", f"lies in the future; got {iso(start)}")
    first = begin(max(start, now - KEPT), step)
    last = begin(end, step)
    return first, last if last == end else last + SECONDS[step]


def _confidence(request: rpc.GetPerformanceHistoryRequest) -> float:
    if not request.HasField("confidence"):
        return DEFAULT_CONFIDENCE
    if not LEAST_CONFIDENCE <= request.confidence <= MOST_CONFIDENCE:
        said = f"is {LEAST_CONFIDENCE} to {MOST_CONFIDENCE}; got {request.confidence}"
        raise refused("confidence", said)
    return request.confidence
