"""Times and spans out of messages, whose fields can hold more than any clock or calendar can.

Protobuf keeps what it is sent: seconds=2**62 arrives, and breaks only the conversion to a date.
"""

from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.foundation.errors import InvalidArgument

NANOS = 1_000_000_000
# The years 1970 to 2200: ids and scores of Redis hold these exactly, and a clock that is off stands out.
FIRST, END = 0, 7_258_118_400
# Ten thousand years, the range that google/protobuf/duration.proto declares.
LONGEST = 315_576_000_000
SHORTEST_KEPT, LONGEST_KEPT = 60.0, 400 * 86_400.0


class BadTimestamp(InvalidArgument):
    """A time or a span that the message's own rules do not allow, or from another age."""


def moment(stamp: Timestamp, field: str) -> float:
    """A time as seconds since 1970. Raises BadTimestamp, naming `field`.

    >>> moment(Timestamp(seconds=5, nanos=500_000_000), "observed_at")
    5.5
    """
    if not (FIRST <= stamp.seconds < END and 0 <= stamp.nanos < NANOS):
        raise _bad(field, "is a time of the years 1970 to 2199", stamp)
    return stamp.seconds + stamp.nanos / NANOS


def span(duration: Duration, field: str) -> float:
    """A duration in seconds, of either sign. Raises BadTimestamp, naming `field`.

    >>> span(Duration(seconds=-1, nanos=-500_000_000), "log.retention")
    -1.5
    """
    torn = duration.seconds * duration.nanos < 0
    if torn or abs(duration.seconds) > LONGEST or abs(duration.nanos) >= NANOS:
        raise _bad(field, "is at most 10,000 years long, with seconds and nanos of the same sign", duration)
    return duration.seconds + duration.nanos / NANOS


def iso(time: float) -> str:
    """Seconds since 1970 as people read them.

    >>> iso(0.0)
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")


def retention(told: Duration, default: float) -> float:
    """How long a router's records and feedback count, in seconds, from a stored configuration: `default` if
    it says nothing, and a possible span whatever it says, for one router must not stop what serves them all.

    >>> [retention(Duration(seconds=told), 30.0) for told in (0, -5, 3600, 2**62)]
    [30.0, 60.0, 3600.0, 34560000.0]
    """
    wanted = told.seconds + told.nanos / NANOS
    return min(max(wanted, SHORTEST_KEPT), LONGEST_KEPT) if wanted else default


def _bad(field: str, right: str, got: Timestamp | Duration) -> BadTimestamp:
    said = f"{right}; got {got.seconds} seconds and {got.nanos} nanos"
    return BadTimestamp(f"{field} {said}", fields=[(field, said)])
