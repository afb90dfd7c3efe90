"""W3C trace context: reading and writing `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header)."""

import re
from typing import NamedTuple, Protocol

TRACEPARENT = "traceparent"

# All-zero ids are invalid by the standard; future versions may append fields after the flags.
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")

# Bit 0 of the flags is "sampled".
_ODD = frozenset("13579bdf")


class Parent(Protocol):
    """What a span hangs under: a call, a span, or the ids that arrived in a message."""

    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def sampled(self) -> bool: ...


class RemoteParent(NamedTuple):
    """Ids that arrived from elsewhere: 32 and 16 lower-case hex digits."""

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(header: str) -> RemoteParent | None:
    """The parent in a header; None when it is malformed, as the standard asks (a new trace starts)."""
    match = _FORM.fullmatch(header)
    if match is None:
        return None
    trace_id, span_id, flags = match.groups()
    return RemoteParent(trace_id, span_id, flags[1] in _ODD)


def traceparent(of: Parent) -> str:
    """The header that makes the receiver a child of `of`."""
    return f"00-{of.trace_id}-{of.span_id}-{'01' if of.sampled else '00'}"
