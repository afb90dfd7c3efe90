"""The parts of the traffic that a request belongs to, as the router's segments say.

What an expression makes of a request may be anything, and every value is counted apart for a month. So a
replica tells a bounded number of values of each segment apart; feedback bounds them again, over all replicas.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.router_pb2 import Router

from services.router.conditions import Kind, RuleError, Schema, Valued
from services.router.conditions.requests import RequestView
from services.router.conditions.wire import value_of
from services.state.outcomes import OTHER

# A value that has not come for so long makes room for another one.
IDLE_SECONDS = 3600.0
# Characters. What is longer is somebody's text, not the name of a part of the traffic.
LONGEST_VALUE = 64


class Asking(Protocol):
    """What a segment reads of a request."""

    @property
    def input(self) -> Input: ...
    @property
    def entity_id(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


class Headers(Protocol):
    """Where the request's headers are read."""

    def header(self, name: str) -> str | None: ...


class Values:
    """The values of one segment that are told apart: at most `most`, with when each was last seen."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._seen: dict[str, float] = {}

    def admitted(self, value: str, now: float) -> str:
        """The value, or OTHER where there is no room; `now` is in seconds.

        >>> values = Values(1)
        >>> [values.admitted(value, 0.0) for value in ("eu", "us", "eu")]
        ['eu', 'OTHER', 'eu']
        """
        if len(value) > LONGEST_VALUE:
            return OTHER
        if value not in self._seen and len(self._seen) >= self.most:
            idlest = min(self._seen, key=self._seen.__getitem__)
            if now - self._seen[idlest] < IDLE_SECONDS:
                return OTHER
            del self._seen[idlest]
        self._seen[value] = now
        return value


class Part(NamedTuple):
    """One segment, ready to be asked."""

    name: str
    valued: Valued
    values: Values


class Segments(NamedTuple):
    """All segments of a router. numeric: features that true and false may fill in a row."""

    parts: Sequence[Part]
    schema: Schema
    numeric: frozenset[str]

    def of(
        self, request: Asking, call: Headers, now: int, failed: Callable[[str], None]
    ) -> Mapping[str, str]:
        """By name, the values of a request that came at `now`, nanoseconds since 1970. `failed` is told the
        name of each segment that has none: never does that fail the prediction."""
        names, found = self.schema.headers, {}
        headers = {name: value for name in names if (value := call.header(name)) is not None}
        view = RequestView(
            self.schema,
            request.input,
            request.attributes,
            request.entity_id,
            now / 1e9,
            headers=headers,
            boolean=self.numeric,
        )
        for part in self.parts:
            try:
                value = part.valued.value(view)
            except RuleError:
                failed(part.name)
                continue
            # An empty text names no part of the traffic.
            if value:
                found[part.name] = part.values.admitted(value, now / 1e9)
        return found


def segments_of(router: Router, schema: Schema, former: Segments | None = None) -> Segments | None:
    """The router's segments, None where it has none. What `former`, of an earlier generation, tells apart
    stays told apart where the segment is the same. Raises BadCondition."""
    if not router.segments:
        return None
    before = former.parts if former is not None else ()
    kept = {(one.name, one.valued.text, one.values.most): one.values for one in before}
    parts = [
        Part(
            one.name,
            value_of(one, schema),
            kept.get((one.name, one.expression, one.max_values)) or Values(one.max_values),
        )
        for one in router.segments
    ]
    numeric = frozenset(name for name, kind in schema.features.items() if kind is Kind.NUMBER)
    return Segments(parts, schema, numeric)
