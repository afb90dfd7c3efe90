"""What the controller of a router's canary remembers, and what happened to it.

The partition's owner writes both in one step, against what it has read: an event is there exactly once, and
with it the memory that it is.
"""

from collections.abc import Sequence
from typing import NamedTuple

from turnout.feedback.v1.canary_pb2 import CanaryEvidence, CanaryMemory, PromotionEvent

from services.state import canary_keys, formats, ids, pages
from services.state.connection import Connections
from services.state.errors import LostLease
from services.state.fenced import Fence, lost
from services.state.scripts import Arg, Script

_RECORD = Script("record_canary", repeatable=True)

LIFETIME_MS = 400 * 86_400 * 1000
KEPT_EVENTS = 1000
ASKED_MS = 3600 * 1000
PAGE = 50


class Remembered(NamedTuple):
    """A memory, and how it is stored."""

    memory: CanaryMemory
    blob: bytes


class EventPage(NamedTuple):
    """Events, newest first, and the token of the next page; empty on the last."""

    events: list[PromotionEvent]
    next_page_token: str


class CanaryStore:
    """Feedback is the only writer. Everything raises StateUnavailable and NewerFormat."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def read(self, router_uid: str) -> Remembered:
        """What is remembered; an empty memory where that is nothing."""
        blob = await self._redis.get(canary_keys.canary(ids.partition_for(router_uid), router_uid)) or b""
        memory = CanaryMemory.FromString(blob)
        formats.check("memory of a canary", memory.format, formats.CANARY)
        return Remembered(memory, blob)

    async def write(
        self,
        fence: Fence,
        router_uid: str,
        before: Remembered,
        memory: CanaryMemory,
        events: Sequence[PromotionEvent] = (),
    ) -> Remembered:
        """Remember this instead of `before`, and add events to the list, all or nothing. Raises LostLease
        where another one leads the partition, or has written meanwhile."""
        memory.format = formats.CANARY
        blob = memory.SerializeToString(deterministic=True)
        partition = ids.partition_for(router_uid)
        names = [canary_keys.canary(partition, router_uid), canary_keys.promotions(partition, router_uid)]
        args: list[Arg] = [fence.token, LIFETIME_MS, KEPT_EVENTS, before.blob, blob]
        args += [one.SerializeToString(deterministic=True) for one in events]
        outcome = await _RECORD(self._redis, [fence.key, *names], args)
        if outcome == 0:
            raise lost(fence)
        if outcome < 0:
            raise LostLease("something else is remembered of the canary", retry_after=1.0, lease=fence.key)
        return Remembered(memory, blob)

    async def note(self, router_uid: str, transition_id: str, evidence: CanaryEvidence) -> None:
        """Say what is known while a person asks for a transition, which anybody may take down; whoever writes
        its event reads it."""
        key = canary_keys.canary_asked(ids.partition_for(router_uid), router_uid, transition_id)
        await self._redis.set(key, evidence.SerializeToString(), px=ASKED_MS)

    async def noted(self, router_uid: str, transition_id: str) -> CanaryEvidence | None:
        """What was known when a person asked; None where nobody did."""
        key = canary_keys.canary_asked(ids.partition_for(router_uid), router_uid, transition_id)
        blob = await self._redis.get(key)
        return CanaryEvidence.FromString(blob) if blob else None

    async def events(self, router_uid: str, page_size: int, page_token: str) -> EventPage:
        """A page of what happened. Raises BadPageToken, InvalidArgument."""
        filters, wanted = f"promotions {router_uid}", pages.size(page_size, PAGE)
        last = pages.unseal(filters, page_token)
        found = await self._redis.xrevrange(
            canary_keys.promotions(ids.partition_for(router_uid), router_uid),
            max=f"({last}" if last else "+",
            count=wanted + 1,
        )
        events = [PromotionEvent.FromString(fields[b"event"]) for _, fields in found[:wanted]]
        more = len(found) > wanted
        return EventPage(events, pages.seal(filters, found[wanted - 1][0].decode()) if more else "")
