"""What detectors make of models' errors and rewards, in Redis: by a partition's owner, all at once or not."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from turnout.drift.v1.concept_pb2 import ConceptDetection, ConceptDrift, ConceptProgress, ConceptState

from services.drift.concept.telling import told
from services.drift.concept.terms import terms_of
from services.drift.whereabouts import Whereabouts
from services.state import concept_keys, formats
from services.state.connection import Connections
from services.state.evidence import EvidenceLog, Operation
from services.state.fenced import Fence
from services.state.ids import PARTITIONS

LIFETIME_SECONDS = 90 * 86_400


class ConceptStore:
    """Reads and writes it. Everything raises StateUnavailable, reads NewerFormat, and `write` LostLease."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        # With each write: of some models labels come once a week.
        self._where = Whereabouts(connections.steady, concept_keys.concept_partitions, again=1)

    async def read(self, model_uid: str) -> ConceptDrift:
        """What is known of a model, in a sentence and in numbers; without labels, that it is too little."""
        redis: Any = self.connections.steady
        given, found = await asyncio.gather(
            redis.hget(concept_keys.concept_detection(), model_uid),
            self._where.collect(model_uid, lambda partitions: self._blobs(model_uid, partitions)),
        )
        states = {place: _state(blob) for place, blob in sorted(found) if blob}
        folded = await asyncio.gather(*map(self.progress, states))
        progress = dict(zip(states, folded, strict=True))
        return told(ConceptDetection.FromString(given or b""), states, progress)

    async def _blobs(self, model_uid: str, partitions: Iterable[int]) -> list[tuple[int, bytes | None]]:
        """What is stored of a model, by partition."""
        places, redis = list(partitions), self.connections.steady
        blobs = await asyncio.gather(*(redis.get(concept_keys.concept(one, model_uid)) for one in places))
        return list(zip(places, blobs, strict=True))

    async def states(self, partition: int, uids: Sequence[str]) -> dict[str, ConceptState]:
        """What is stored of models in a partition; empty states where there is nothing."""
        redis: Any = self.connections.steady
        blobs = await redis.mget([concept_keys.concept(partition, uid) for uid in uids]) if uids else []
        return {uid: _state(blob) for uid, blob in zip(uids, blobs, strict=True)}

    async def progress(self, partition: int) -> ConceptProgress:
        """How far a partition's labels are folded."""
        blob: Any = await self.connections.steady.get(concept_keys.concept_progress(partition))
        found = ConceptProgress.FromString(blob or b"")
        formats.check("progress of concept drift", found.format, formats.CONCEPT)
        return found

    async def detections(self, uids: Sequence[str]) -> dict[str, ConceptDetection]:
        """How each of the models is watched."""
        redis: Any = self.connections.steady
        blobs = await redis.hmget(concept_keys.concept_detection(), list(uids)) if uids else []
        return {uid: ConceptDetection.FromString(blob or b"") for uid, blob in zip(uids, blobs, strict=True)}

    async def configure(self, model_uid: str, detection: ConceptDetection) -> None:
        """Watch a model so from now on; what has no `faults`. The default is not stored."""
        terms_of(detection)
        key, blob = concept_keys.concept_detection(), detection.SerializeToString(deterministic=True)
        if blob:
            await self.connections.steady.hset(key, model_uid, blob)
        else:
            await self.connections.steady.hdel(key, model_uid)

    async def agree(self, detections: Mapping[str, ConceptDetection]) -> None:
        """Watch these models as is said here, where they are watched otherwise."""
        known = await self.detections(list(detections))
        for uid, detection in detections.items():
            if known[uid] != detection:
                await self.configure(uid, detection)

    async def forget(self, model_uid: str) -> None:
        """Remove everything of a model that is no more."""
        redis: Any = self.connections.steady
        async with redis.pipeline(transaction=False) as pipe:
            for partition in range(PARTITIONS):
                pipe.unlink(concept_keys.concept(partition, model_uid))
            pipe.hdel(concept_keys.concept_detection(), model_uid)
            await pipe.execute()
        await self._where.forget(model_uid)

    async def write(
        self,
        partition: int,
        fence: Fence,
        progress: ConceptProgress,
        states: Mapping[str, ConceptState] | None = None,
        noted: Sequence[str] = (),
    ) -> None:
        """Progress with everything that goes with it; what feedback noted and is in it goes. Doing it again
        changes nothing."""
        await asyncio.gather(*(self._where.note(uid, partition) for uid in states or ()))
        progress.format = formats.CONCEPT
        written = [_kept(concept_keys.concept_progress(partition), progress)]
        for uid, state in (states or {}).items():
            state.format, state.model_uid = formats.CONCEPT, uid
            written.append(_kept(concept_keys.concept(partition, uid), state))
        written += [Operation(concept_keys.rewarded(partition), "ZREM", field=one) for one in noted]
        await EvidenceLog(self.connections.steady).write(fence, written)


def _kept(key: str, value: ConceptState | ConceptProgress) -> Operation:
    return Operation(key, "SET", value.SerializeToString(deterministic=True), LIFETIME_SECONDS)


def _state(blob: bytes | None) -> ConceptState:
    found = ConceptState.FromString(blob or b"")
    formats.check("state of concept drift", found.format, formats.CONCEPT)
    return found
