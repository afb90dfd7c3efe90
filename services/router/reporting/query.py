"""What GetMetrics is asked for, checked."""

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.errors import InvalidArgument
from services.state.buckets import HOUR, MINUTE, READ_SECONDS, Bucket, cover
from services.state.moments import span

DEFAULT_WINDOW = 3600.0
LONGEST = 30 * 24 * HOUR
# As many points as a wide screen has; 200 bytes each for ten variants stay below the 4 MiB that clients take.
MOST_PARTS = 1500
# Without a step: the first of these that cuts the window into no more parts than a curve needs.
STEPS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR)
DEFAULT_PARTS = 120

VARIANT, POLICY = rpc.METRIC_GROUP_VARIANT, rpc.METRIC_GROUP_POLICY
SEGMENT, TIME = rpc.METRIC_GROUP_SEGMENT, rpc.METRIC_GROUP_TIME


@dataclass(frozen=True, slots=True)
class Query:
    """start, end: in seconds since 1970, as far as buckets reach. groups: what rows are told apart by. step:
    length of the parts in seconds where TIME is among them, else 0."""

    start: int
    end: float
    groups: frozenset[int]
    step: int
    buckets: Sequence[Bucket]

    def part(self, bucket: Bucket) -> int:
        """Where the part begins that a bucket lies in; 0 where there are no parts."""
        return bucket.start // self.step * self.step if self.step else 0

    def span(self, part: int) -> tuple[float, float]:
        """The times of a part, as far as it lies in the window."""
        if not self.step:
            return self.start, self.end
        return max(part, self.start), min(part + self.step, self.end)


def query_of(request: rpc.GetMetricsRequest, now: float) -> Query:
    """The query, for a window that ends now. Raises InvalidArgument and BadTimestamp, naming the field."""
    window = span(request.window, "window") if request.HasField("window") else DEFAULT_WINDOW
    if not MINUTE <= window <= LONGEST:
        raise _refused("window", f"60 s to {LONGEST} s (30 days), got {window:g} s")
    groups = _groups(request)
    step = _step(request, window) if TIME in groups else 0
    if request.HasField("step") and TIME not in groups:
        raise _refused("step", "is for rows by METRIC_GROUP_TIME; add it to group_by, or leave step out")
    buckets = cover(now - window, now, now, fine=step % HOUR > 0)
    return Query(buckets[0].start, now, groups, step, buckets)


def _groups(request: rpc.GetMetricsRequest) -> frozenset[int]:
    asked = {group or VARIANT for group in request.group_by} or {VARIANT}
    if unknown := asked - {VARIANT, POLICY, SEGMENT, TIME}:
        names = ", ".join(name for name, value in rpc.MetricGroup.items() if value)
        raise _refused("group_by", f"one of {names}; got {min(unknown)}")
    return frozenset(asked)


def _step(request: rpc.GetMetricsRequest, window: float) -> int:
    # Minutes are kept for two days; what is older is only known by the hour.
    unit = HOUR if window > READ_SECONDS[MINUTE] else MINUTE
    if not request.HasField("step"):
        fitting = (step for step in STEPS if step >= unit and window <= DEFAULT_PARTS * step)
        return next(fitting, STEPS[-1])
    step = span(request.step, "step")
    if step < unit or step % unit:
        said = f"whole multiples of {unit} s for a window of {window:g} s, got {step:g} s"
        raise _refused("step", said)
    if window / step > MOST_PARTS:
        said = (
            f"at most {MOST_PARTS} parts of the window, so at least {window / MOST_PARTS:g} s; got {step:g} s"
        )
        raise _refused("step", said)
    return int(step)


def _refused(field: str, said: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {said}", fields=[(field, said)])
