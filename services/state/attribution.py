"""Which predictions a caller's own key, or an entity, has: so that labels need no prediction id."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from turnout.inference.v1.event_pb2 import PredictionEvent

from services.state import feedback_keys, ids, packed
from services.state.connection import Connections
from services.state.errors import AmbiguousKey
from services.state.fenced import Fence, lost
from services.state.moments import NANOS
from services.state.packed import PackedEvent
from services.state.scripts import Arg, Run, Script

INDEX_PREDICTIONS = Script("index_predictions", repeatable=True)

# Of one external id there should be one; who repeats a question is told of the others.
MOST_OF_EXTERNAL = 8
# Labels that are later than so many further predictions of their entity need the prediction's id.
MOST_OF_ENTITY = 64
EXTERNAL, ENTITY = "external_id", "entity_id"
# A run of the script holds the server up for less than a millisecond.
KEYS_AT_ONCE = 256


class Sought(NamedTuple):
    """A prediction by what its router's caller knows. by: EXTERNAL or ENTITY. before: the latest time of its
    event, in seconds since 1970; None for any."""

    router_uid: str
    by: str
    value: str
    before: float | None = None


class Keyed(NamedTuple):
    """A prediction that has an external id or an entity, its id, and the minute of it."""

    event: PredictionEvent | PackedEvent
    name: str
    minute: int


def only(sought: Sought, found: Sequence[str], of: str, settled: float) -> str | AmbiguousKey:
    """The one prediction among those found, newest first; empty where there is none yet, and the error where
    nobody can tell which. of: whose key it is; settled: until when predictions are surely recorded, in
    seconds since 1970."""
    if sought.before is not None:
        # A younger one of the entity may still be on its way here, and it would be the one that is meant.
        return found[0] if found and sought.before <= settled else ""
    if len(found) > 1:
        said = f"{sought.value[:100]} stands for several predictions of {of}: {' and '.join(found)}"
        right = "a key of one prediction; or give event_time, for the newest until then, or prediction_id"
        return AmbiguousKey(f"{sought.by}: {said}", fields=[(sought.by, f"{right}: {said}")])
    return found[0] if found else ""


class AttributionIndex:
    """Reads the index. Raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def find(self, sought: Sequence[Sought]) -> list[list[str]]:
        """Of each the newest prediction and the next newest, as far as they are recorded, newest first."""
        async with self._redis.pipeline() as pipe:
            for one in sought:
                newest: Any = "+inf" if one.before is None else one.before
                pipe.zrevrangebyscore(key_of(one.router_uid, one.by, one.value), newest, "-inf", 0, 2)
            return [[name.decode() for name in names] for names in await pipe.execute()]


def index_runs(fence: Fence, router_uid: str, retention: float, some: Iterable[Keyed]) -> list[Run]:
    """What writes the index of a router's predictions."""
    partition = ids.partition_for(router_uid)
    entries: list[tuple[str, list[Arg]]] = []
    for event, name, minute in some:
        time = happened(event)
        for spell, value, most in (
            (feedback_keys.external, event.external_id, MOST_OF_EXTERNAL),
            (feedback_keys.entity, event.entity_id, MOST_OF_ENTITY),
        ):
            if value:
                key = spell(partition, router_uid, _digest(value))
                entries.append((key, [most, time, name, minute]))
    parts = [entries[at : at + KEYS_AT_ONCE] for at in range(0, len(entries), KEYS_AT_ONCE)]
    return [_run(fence, retention, part) for part in parts]


async def write_index(redis: Any, fence: Fence, runs: Sequence[Run]) -> None:
    """Write it; again writes the same. Raises LostLease, StateUnavailable."""
    for reply in await INDEX_PREDICTIONS.many(redis, runs) if runs else []:
        if isinstance(reply, Exception):
            raise reply
        if not reply:
            raise lost(fence)


def happened(event: PredictionEvent | PackedEvent) -> float:
    """When a prediction's event was, in seconds since 1970: to the last bit as `moments.moment` reads the
    time that a label gives, for that very moment is found by it."""
    told = packed.happened(event)
    return told.seconds + told.nanos / NANOS


def key_of(router_uid: str, by: str, value: str) -> str:
    """Where the ids of a value are kept; the value itself is not."""
    spell = feedback_keys.external if by == EXTERNAL else feedback_keys.entity
    return spell(ids.partition_for(router_uid), router_uid, _digest(value))


def _digest(value: str) -> str:
    return hashlib.blake2b(value.encode(), digest_size=12).hexdigest()


def _run(fence: Fence, retention: float, entries: Sequence[tuple[str, list[Arg]]]) -> Run:
    named = [fence.key, *(key for key, _ in entries)]
    return named, [fence.token, int(retention * 1000), *(one for _, place in entries for one in place)]
