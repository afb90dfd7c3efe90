"""Durations of a configuration, within limits."""

from google.protobuf.duration_pb2 import Duration

from services.router.config.problems import Problems
from services.state.moments import BadTimestamp, span


def check_span(given: Duration, field: str, least: float, most: float, problems: Problems) -> None:
    """Add a problem unless `given` is a sound duration of `least` to `most` seconds."""
    try:
        seconds = span(given, field)
    except BadTimestamp as wrong:
        problems.wrong += wrong.fields
        return
    if not least <= seconds <= most:
        problems.add(field, f"{least:g} to {most:g} s, got {seconds:g} s")
