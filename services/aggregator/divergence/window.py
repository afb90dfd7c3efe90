"""Which hours are asked about."""

import math
from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from services.foundation.errors import InvalidArgument
from services.state.moments import moment
from services.state.panels import DAY, HOUR, KEPT_SECONDS


def hours_of(start: Timestamp | None, end: Timestamp | None, now: float) -> Sequence[int]:
    """The beginnings of the hours from that in which `start` lies to `end`, in seconds since 1970; a day up
    to now where they are None. Raises InvalidArgument and BadTimestamp, naming the field."""
    last = now if end is None else moment(end, "end_time")
    first = last - DAY if start is None else moment(start, "start_time")
    if first >= last:
        raise _refused("start_time", "a time before end_time" if end is not None else "a time before now")
    oldest = now - KEPT_SECONDS
    if first < oldest - HOUR:
        given = "start_time" if start is not None else "end_time"
        raise _refused(given, "panels are kept for 90 days: a window within them")
    # Of the future nothing is known, however far it reaches.
    return range(int(first // HOUR) * HOUR, min(math.ceil(last), int(now) + HOUR), HOUR)


def _refused(field: str, said: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {said}", fields=[(field, said)])
