"""router.segments: their defaults and their checks."""

import re
from collections.abc import Mapping

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router, Segment

from services.router.conditions import BadCondition, Schema
from services.router.conditions.wire import schema_of, value_of
from services.router.config.policies import LARGEST_REGEX
from services.router.config.problems import Problems
from services.state.outcomes import SEGMENT_VALUES

# Each is asked at every prediction, and each prediction is counted once more for each.
MOST_SEGMENTS = 8
MOST_VALUES = 100
# It stands before a value, as name=value.
NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


def fill(router: Router) -> None:
    """Write out how many values are told apart where nothing is said."""
    for segment in router.segments:
        if not segment.HasField("max_values"):
            segment.max_values = SEGMENT_VALUES


def check(router: Router, declared: Mapping[str, Model] | None, problems: Problems) -> None:
    """Everything about router.segments; `declared` is what is known of the models."""
    if len(router.segments) > MOST_SEGMENTS:
        problems.add("router.segments", f"at most {MOST_SEGMENTS}, got {len(router.segments)}")
        return
    schema, size, seen = schema_of(router, declared or {}), 0, set[str]()
    for place, segment in enumerate(router.segments):
        field = f"router.segments[{place}]"
        _name(field, segment, seen, problems)
        if not 1 <= segment.max_values <= MOST_VALUES:
            problems.add(f"{field}.max_values", f"1 to {MOST_VALUES}, got {segment.max_values}")
        size += _expression(field, segment, schema, problems)
    if size > LARGEST_REGEX:
        said = f"regular expressions of at most {LARGEST_REGEX} instructions together, got {size}"
        problems.add("router.segments", said)


def _name(field: str, segment: Segment, seen: set[str], problems: Problems) -> None:
    if not NAME.fullmatch(segment.name):
        said = f"1 to 63 letters, digits, _ and -; got {segment.name[:100]!r}"
        problems.add(f"{field}.name", said)
    elif segment.name in seen:
        problems.add(f"{field}.name", f"{segment.name} is used twice")
    seen.add(segment.name)


def _expression(field: str, segment: Segment, schema: Schema, problems: Problems) -> int:
    """The size of its regular expressions."""
    try:
        return value_of(segment, schema).regex_size
    except BadCondition as wrong:
        problems.add(f"{field}.expression", str(wrong))
        return 0
