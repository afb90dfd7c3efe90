"""Evidence of experiments and canaries in Redis: written under the fence of the partition, all at once or
not.

A minute's decisions lie in a hash with a field for each entry of the event stream: an entry that comes again
writes what it has written. What is folded is written together with the position that it was folded up to, and
what it was folded from goes in the same step, so that a crash anywhere leaves either the one or the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from turnout.feedback.v1.evidence_pb2 import DecisionChunk, EvidenceState

from services.state import evidence_keys, formats, keys, metric_keys
from services.state.buckets import Bucket
from services.state.failures import MappedRedis
from services.state.fenced import Fence, lost
from services.state.positions import order
from services.state.scripts import Arg, Script

_MANY = Script("fenced_many", repeatable=True)

LIFETIME_SECONDS = 90 * 86_400
# What waits is folded at its horizon; a day more is for a group that was away.
WAITING_MARGIN = 86_400
# Minutes looked at, or reports read, in one round trip.
AT_ONCE = 1000


class Place(NamedTuple):
    """Whose evidence: a router's, in its partition."""

    partition: int
    uid: str


class Operation(NamedTuple):
    """One write of several: kind is SET, HSET (of a field), DEL or ZREM (of a member, in `field`); lifetime
    in seconds."""

    key: str
    kind: str
    value: bytes = b""
    lifetime: int = 0
    field: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceLog:
    """Reads and writes it. Raises StateUnavailable if Redis is, NewerFormat, and LostLease from `write`."""

    redis: MappedRedis

    async def state(self, place: Place) -> EvidenceState | None:
        """What is folded; None where nothing was."""
        blob: Any = await self.redis.get(evidence_keys.evidence(*place))
        if blob is None:
            return None
        found = EvidenceState.FromString(blob)
        formats.check("state of evidence", found.format, formats.EVIDENCE)
        return found

    async def chunks(self, place: Place, minute: int) -> list[tuple[str, DecisionChunk]]:
        """Decisions of a minute, by entry of the event stream, in its order."""
        fields: Any = await self.redis.hgetall(evidence_keys.decisions(*place, minute))
        found = [(entry.decode(), _chunk(blob)) for entry, blob in fields.items()]
        return sorted(found, key=lambda one: order(one[0]))

    async def waiting(self, place: Place, epoch: str, minute: int) -> DecisionChunk | None:
        """The observations of a minute whose labels are not folded; None where there is none."""
        blob: Any = await self.redis.get(evidence_keys.waiting(*place, epoch, minute))
        return None if blob is None else _chunk(blob)

    async def noted(self, place: Place, minutes: Iterable[int]) -> list[int]:
        """Those of the minutes that have decisions."""
        return await self._existing({one: evidence_keys.decisions(*place, one) for one in minutes})

    async def waiting_in(self, place: Place, epoch: str, minutes: Iterable[int]) -> list[int]:
        """Those of the minutes that have observations whose labels are not folded."""
        return await self._existing({one: evidence_keys.waiting(*place, epoch, one) for one in minutes})

    async def units(self, place: Place, epoch: str) -> NDArray[np.uint64]:
        """Hashes of the entities that had their observation, sorted."""
        fields: Any = await self.redis.hgetall(evidence_keys.units(*place, epoch))
        parts = [np.frombuffer(blob, "<u8") for blob in fields.values()]
        return np.sort(np.concatenate([np.empty(0, "<u8"), *parts]))

    async def reported(self, partition: int, minute: int, reports: Sequence[str]) -> list[int | None]:
        """The value that each report has now, in millionths of its range; None where there is none."""
        key = keys.reports_applied(partition, minute)
        found: list[int | None] = []
        for begin in range(0, len(reports), AT_ONCE):
            stored: Any = await self.redis.hmget(key, list(reports[begin : begin + AT_ONCE]))
            found += [None if one is None else int(one.split(b" ", 2)[1]) for one in stored]
        return found

    async def lost_since(self, place: Place, start: float) -> bool:
        """Whether a router lost events of the partition that were made after `start`, in seconds since
        1970."""
        names: Any = await self.redis.zrange(metric_keys.traffic_gaps(place.partition), 0, -1)
        return any(Bucket.named(name.decode()).start >= start for name in names)

    async def write(self, fence: Fence, operations: Sequence[Operation]) -> None:
        """All of it, or nothing. Doing it again changes nothing."""
        args: list[Arg] = [fence.token]
        for one in operations:
            args += [one.kind, one.lifetime, one.field, one.value]
        if not await _MANY(self.redis, [fence.key, *(one.key for one in operations)], args):
            raise lost(fence)

    async def _existing(self, named: Mapping[int, str]) -> list[int]:
        found: list[int] = []
        minutes = list(named)
        for begin in range(0, len(minutes), AT_ONCE):
            some = minutes[begin : begin + AT_ONCE]
            async with self.redis.pipeline() as pipe:
                for minute in some:
                    pipe.exists(named[minute])
                found += [one for one, there in zip(some, await pipe.execute(), strict=True) if there]
        return found


def report_of(prediction_id: str, row: int, uid: str, measure: str) -> str:
    """The name under which a reward of a router is known among those of its minute."""
    return f"{prediction_id}/{row}/{uid[-12:]}/{measure}"


def state_kept(place: Place, state: EvidenceState) -> Operation:
    """The state as a write."""
    state.format = formats.EVIDENCE
    blob = state.SerializeToString(deterministic=True)
    return Operation(evidence_keys.evidence(*place), "SET", blob, LIFETIME_SECONDS)


def chunk_kept(
    place: Place, minute: int, entry: str, chunk: DecisionChunk, label_horizon: float
) -> Operation:
    """An entry's decisions of a minute as a write."""
    key = evidence_keys.decisions(*place, minute)
    return Operation(key, "HSET", _packed(chunk), int(label_horizon) + WAITING_MARGIN, entry)


def waiting_kept(
    place: Place, epoch: str, minute: int, chunk: DecisionChunk, label_horizon: float
) -> Operation:
    """A minute's observations as a write, until their labels come."""
    key = evidence_keys.waiting(*place, epoch, minute)
    return Operation(key, "SET", _packed(chunk), int(label_horizon) + WAITING_MARGIN)


def units_kept(place: Place, epoch: str, minute: int, units: NDArray[np.uint64]) -> Operation:
    """Entities that had their observation in a minute as a write."""
    blob = units.astype("<u8").tobytes()
    return Operation(evidence_keys.units(*place, epoch), "HSET", blob, LIFETIME_SECONDS, str(minute))


def _packed(chunk: DecisionChunk) -> bytes:
    chunk.format = formats.DECISIONS
    return chunk.SerializeToString(deterministic=True)


def _chunk(blob: bytes) -> DecisionChunk:
    found = DecisionChunk.FromString(blob)
    formats.check("minute of decisions", found.format, formats.DECISIONS)
    return found
