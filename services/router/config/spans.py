"""Durations of a configuration, within limits."""

from google.protobuf.duration_pb2 import Duration

from services.router.config.problems import Problems
from services.state.moments import BadTimestamp, span

UNITS = (("days", 86_400), ("h", 3600), ("min", 60))


def check_span(given: Duration, field: str, least: float, most: float, problems: Problems) -> None:
    """Add a problem unless `given` is a sound duration of `least` to `most` seconds."""
    try:
        seconds = span(given, field)
    except BadTimestamp as wrong:
        problems.wrong += wrong.fields
        return
    if not least <= seconds <= most:
        problems.add(field, f"{told(least)} to {told(most)}, got {told(seconds)}")


def told(seconds: float) -> str:
    """A time as people say it: in the largest unit that leaves no fraction, from two of them on.

    >>> [told(seconds) for seconds in (60, 3600, 34_560_000, 99_999_999, 90.5, 0.001, 0, -5)]
    ['60 s', '60 min', '400 days', '99,999,999 s', '90.5 s', '0.001 s', '0 s', '-5 s']
    """
    for name, size in UNITS:
        if abs(seconds) >= 2 * size and seconds % size == 0:
            return f"{seconds / size:,.0f} {name}"
    return f"{seconds:,.12g} s"
