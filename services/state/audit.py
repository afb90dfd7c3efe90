"""Who changed what: an event per change, in the slot of what was changed and in the script that changes it.

A change without its event is so impossible, and so is an event without its change. Each partition keeps its
last events, the catalog those of aliases; a list merges them by their ids, which begin with Redis' time.
"""

import heapq
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import Message
from turnout.router.v1.router_service_pb2 import AuditEvent

from services.state import ids, keys, pages
from services.state.connection import Connections
from services.state.differences import changed_fields
from services.state.positions import order, time_at

KEPT_EVENTS = 5000
EVENT_FIELD = b"event"
PAGE = 50
READ_AT_ONCE = 32
# What a call examines at most where filters let little through; the page's token then goes on from there.
MOST_EXAMINED = 5000
CATALOG = ids.PARTITIONS
STREAMS = [*map(keys.audit, range(ids.PARTITIONS)), keys.catalog_audit()]


class Author(NamedTuple):
    """Who makes a change: the caller's name, the method, and the call's request id as logs have it."""

    caller: str = ""
    method: str = ""
    request_id: str = ""


class Place(NamedTuple):
    """Where an event lies, newer ones being greater: milliseconds, sequence, stream."""

    milliseconds: int
    sequence: int
    stream: int

    def __str__(self) -> str:
        return f"{self.milliseconds:013}-{self.sequence:06}-{self.stream:02}"


class Found(NamedTuple):
    """An event, and where it lies."""

    place: Place
    event: AuditEvent


class AuditPage(NamedTuple):
    """A page of events, newest first, and the token of the next one; empty on the last."""

    events: list[AuditEvent]
    next_page_token: str


def event_of(by: Author, name: str, uid: str, generation: int, fields: list[str]) -> AuditEvent:
    """The event of a change; its id and time are those of its entry."""
    return AuditEvent(
        caller=by.caller,
        method=by.method,
        resource=name,
        request_id=by.request_id,
        generation=generation,
        changed_fields=fields,
        uid=uid,
    )


def difference(before: Message | None, after: Message, by: Author, *, new_generation: bool) -> AuditEvent:
    """The event of a resource that is written in the place of `before`."""
    told = event_of(by, after.name, after.uid, 0, changed_fields(before, after))  # type: ignore[attr-defined]
    told.time.CopyFrom(after.update_time)  # type: ignore[attr-defined]
    if new_generation:
        told.generation = after.generation  # type: ignore[attr-defined]
    return told


class AuditLog:
    """Reads the events. Raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def list(
        self,
        page_size: int = 0,
        page_token: str = "",
        *,
        resource: str = "",
        caller: str = "",
        method: str = "",
        keep: Callable[[AuditEvent], bool] = lambda _: True,
        seen_by: str = "",
    ) -> AuditPage:
        """A page of the events of a resource, a caller, a method, or all of them, that `keep` lets through;
        `seen_by` stands for it.

        A page may be short, even empty, and have a next one. Raises BadPageToken, InvalidArgument.
        """
        filters = f"audit {resource}\0{caller}\0{method}\0{seen_by}"
        wanted = pages.size(page_size, PAGE)
        merge = _Merge(self, _place(pages.unseal(filters, page_token)))
        events: list[AuditEvent] = []
        last = Place(0, 0, 0)
        for _ in range(MOST_EXAMINED):
            if (found := await merge.next()) is None:
                return AuditPage(events, "")
            last = found.place
            if _fits(found.event, resource, caller, method) and keep(found.event):
                events.append(found.event)
            if len(events) == wanted:
                break
        return AuditPage(events, pages.seal(filters, str(last)))

    async def read(self, bounds: dict[int, str]) -> dict[int, deque[Found]]:
        """The newest few events of each stream, up to its bound (as XREVRANGE takes it)."""
        async with self._redis.pipeline() as pipe:
            for stream, bound in bounds.items():
                pipe.xrevrange(STREAMS[stream], max=bound, count=READ_AT_ONCE)
            replies = await pipe.execute()
        return {
            stream: deque(_decoded(stream, entry.decode(), fields[EVENT_FIELD]) for entry, fields in entries)
            for stream, entries in zip(bounds, replies, strict=True)
        }


class _Merge:
    """The events of all streams from a place on, newest first; each stream is read as far as it is needed."""

    def __init__(self, log: AuditLog, start: Place | None) -> None:
        self._log = log
        self._bounds = {stream: _bound(stream, start) for stream in range(len(STREAMS))}
        self._read: dict[int, deque[Found]] = {}
        self._heads: list[tuple[int, int, int]] = []

    async def next(self) -> Found | None:
        await self._fill()
        if not self._heads:
            return None
        milliseconds, sequence, stream = heapq.heappop(self._heads)
        place = Place(-milliseconds, -sequence, -stream)
        found = self._read[place.stream].popleft()
        self._bounds[place.stream] = f"({place.milliseconds}-{place.sequence}"
        self._show(place.stream)
        return found

    async def _fill(self) -> None:
        if not (dry := {one: bound for one, bound in self._bounds.items() if not self._read.get(one)}):
            return
        for stream, events in (await self._log.read(dry)).items():
            self._read[stream] = events
            if not events:
                del self._bounds[stream]
            self._show(stream)

    def _show(self, stream: int) -> None:
        if self._read[stream]:
            heapq.heappush(self._heads, _negative(self._read[stream][0][0]))


def _negative(place: Place) -> tuple[int, int, int]:
    # heapq gives the least; the newest is wanted.
    return -place.milliseconds, -place.sequence, -place.stream


def _bound(stream: int, start: Place | None) -> str:
    if start is None:
        return "+"
    entry = f"{start.milliseconds}-{start.sequence}"
    return entry if stream < start.stream else f"({entry}"


def _decoded(stream: int, entry: str, blob: bytes) -> Found:
    place = Place(*order(entry), stream)
    event = AuditEvent.FromString(blob)
    event.id = str(place)
    event.time.FromNanoseconds(int(time_at(entry) * 1e9))
    return Found(place, event)


def _fits(event: AuditEvent, resource: str, caller: str, method: str) -> bool:
    return (
        (not resource or event.resource == resource)
        and (not caller or event.caller == caller)
        and (not method or event.method == method)
    )


def _place(text: str) -> Place | None:
    return Place(*map(int, text.split("-"))) if text else None
