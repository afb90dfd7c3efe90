"""The segment that a request means."""

from typing import Any

from services.drift.baselines import Segment
from services.drift.spelling import segment_value
from services.foundation.errors import InvalidArgument

# Values come from the traffic's own expressions, which are cut there as well.
LONGEST_NAME, LONGEST_VALUE = 64, 256


def segment_asked(request: Any, field: str = "segment") -> Segment | None:
    """The segment in `field` of a request, None where there is none. Raises InvalidArgument."""
    if not request.HasField(field):
        return None
    message = getattr(request, field)
    for part, most in (("name", LONGEST_NAME), ("value", LONGEST_VALUE)):
        given = getattr(message, part)
        if not 1 <= len(given) <= most:
            said = f"has 1 to {most} characters, got {len(given):,}"
            raise InvalidArgument(f"{field}.{part} {said}", fields=[(f"{field}.{part}", said)])
    return Segment(message.name, segment_value(message.value))
