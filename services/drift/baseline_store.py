"""Baselines in Redis: bodies in the model's partition, and which one is active in the catalog's slot."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnout.drift.v1.baseline_pb2 import Baseline as Message

from services.drift.baseline_refusals import full, nothing_active, refusal
from services.drift.baselines import Baseline, Segment
from services.drift.errors import BaselineInUse, BaselineNotFound
from services.drift.wire import read_baseline, write_baseline
from services.state import drift_keys
from services.state.connection import Connections
from services.state.ids import partition_for
from services.state.once import LIFETIME_MS, Once
from services.state.scripts import Arg, Script

CREATE_BASELINES = Script("create_baselines")
DELETE_BASELINE = Script("delete_baseline")
ACTIVATE_BASELINES = Script("activate_baselines", repeatable=True)
# About 5 MB for a model of 25 features, if somebody fills it.
MAX_BASELINES = 100
# Each is counted on beside all of the traffic, and costs as much of Redis.
MAX_ACTIVE_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class Active:
    """Which baseline a model is compared with. The uid tells a baseline from a later one of the same id."""

    id: str
    uid: str


Actives = Mapping[Segment | None, Active]
"""What a model is compared with: by segment, None for all of its traffic."""


class BaselineStore:
    """Reads and writes baselines; raises StateUnavailable where Redis cannot be reached."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def create(
        self, baselines: Sequence[Baseline], once: Once | None
    ) -> tuple[Sequence[Baseline], bool]:
        """Keep baselines of a model, all of them or none; those that are kept, and whether an earlier request
        had finished activating them.

        Raises NameTaken, RequestIdReused or StoreFull.
        """
        first = baselines[0]
        # First: a baseline whose model nobody knows of would outlive it.
        await self._redis.hsetnx(drift_keys.active_baselines(), first.model_uid, "")
        partition = partition_for(first.model_uid)
        places = [
            drift_keys.baselines(partition, first.model_uid),
            drift_keys.baseline_ids(partition, first.model_uid),
        ]
        if once:
            places.append(drift_keys.baseline_request(partition, once.request_id))
        fingerprint = once.fingerprint if once else ""
        args: list[Arg] = [first.create_time, MAX_BASELINES, fingerprint, LIFETIME_MS]
        for one in baselines:
            args += [one.id, write_baseline(one, active=False).SerializeToString()]
        reply = [part.decode() for part in await CREATE_BASELINES(self._redis, places, args)]
        if reply[0] == "CREATED":
            return baselines, False
        if reply[0] == "ANSWERED":
            ids = reply[2].split(" ")
            kept = [await self.get(first.model, first.model_uid, own) for own in ids]
            return kept, bool(reply[1])
        raise refusal(reply, first, once, MAX_BASELINES)

    async def check_room(self, baselines: Sequence[Baseline]) -> None:
        """Raises StoreFull where activating them would be refused now."""
        first = baselines[0]
        segments = (await self.actives([first.model_uid])).get(first.model_uid, {}).keys()
        if len((segments | {one.segment for one in baselines}) - {None}) > MAX_ACTIVE_SEGMENTS:
            raise full(first, MAX_ACTIVE_SEGMENTS)

    async def activate(self, baselines: Sequence[Baseline], once: Once | None = None) -> None:
        """Compare the model with these baselines, each for its own segment, from the next batch on; all of
        them or none. Raises StoreFull."""
        first = baselines[0]
        await self._put(first, [(one.segment, _named(one), "") for one in baselines])
        if once:
            request = drift_keys.baseline_request(partition_for(first.model_uid), once.request_id)
            await self._redis.hset(request, "activated", "yes")

    async def deactivate(self, model_uid: str) -> None:
        """Compare the model with nothing from the next batch on."""
        await self._redis.hset(drift_keys.active_baselines(), model_uid, "")

    async def retire(self, baseline: Baseline) -> None:
        """Compare what the baseline is for with nothing from the next batch on, if it is compared with it."""
        await self._put(baseline, [(baseline.segment, "", _named(baseline))])

    async def _put(self, example: Baseline, actives: Iterable[tuple[Segment | None, str, str]]) -> None:
        args: list[Arg] = [example.model_uid, MAX_ACTIVE_SEGMENTS]
        for segment, active, instead_of in actives:
            args += [_spelled(segment), active, instead_of]
        reply = await ACTIVATE_BASELINES(self._redis, [drift_keys.active_baselines()], args)
        if reply[0] == b"FULL":
            raise full(example, MAX_ACTIVE_SEGMENTS)

    async def check_idle(self, baseline: Baseline) -> None:
        """Raises BaselineInUse if the model is compared with it."""
        if await self.is_active(baseline):
            raise BaselineInUse(
                f"{baseline.model} is compared with {baseline.name}; make another one active first "
                "(SetActiveBaseline)",
                baseline=baseline.name,
            )

    async def delete(self, baseline: Baseline) -> None:
        """Remove a baseline; nothing where another one has its id by now."""
        partition = partition_for(baseline.model_uid)
        places = [
            drift_keys.baselines(partition, baseline.model_uid),
            drift_keys.baseline_ids(partition, baseline.model_uid),
        ]
        body = await self._redis.hget(places[0], baseline.id)
        if body and Message.FromString(body).uid == baseline.uid:
            await DELETE_BASELINE(self._redis, places, [baseline.id, body])

    async def models(self) -> list[str]:
        """Uids of the models that have baselines."""
        return [uid.decode() for uid in await self._redis.hkeys(drift_keys.active_baselines())]

    async def uids(self, model_uid: str) -> list[str]:
        """Uids of a model's baselines, also of those that a newer version wrote."""
        bodies = await self._redis.hvals(drift_keys.baselines(partition_for(model_uid), model_uid))
        return [Message.FromString(body).uid for body in bodies]

    async def forget(self, model_uid: str) -> None:
        """Remove every baseline of a model."""
        partition = partition_for(model_uid)
        await self._redis.unlink(
            drift_keys.baselines(partition, model_uid), drift_keys.baseline_ids(partition, model_uid)
        )
        await self._redis.hdel(drift_keys.active_baselines(), model_uid)

    async def actives(self, model_uids: Sequence[str]) -> Mapping[str, Actives]:
        """What each of the models that have active baselines is compared with, by segment."""
        if not model_uids:
            return {}
        found = await self._redis.hmget(drift_keys.active_baselines(), list(model_uids))
        pairs = zip(model_uids, found, strict=True)
        return {uid: actives for uid, value in pairs if value and (actives := _read(value.decode()))}

    async def active(self, model_uids: Sequence[str]) -> Mapping[str, Active]:
        """The active baseline of all traffic, of each of the models that have one."""
        found = await self.actives(model_uids)
        return {uid: actives[None] for uid, actives in found.items() if None in actives}

    async def is_active(self, baseline: Baseline) -> bool:
        """Whether the model is compared with it."""
        actives = (await self.actives([baseline.model_uid])).get(baseline.model_uid, {})
        active = actives.get(baseline.segment)
        return active is not None and active.uid == baseline.uid

    async def get(self, model: str, model_uid: str, baseline_id: str) -> Baseline:
        """A baseline by its id. Raises BaselineNotFound."""
        (found,) = await self.get_many(model_uid, [baseline_id])
        if found is None:
            name = f"{model}/baselines/{baseline_id}"
            raise BaselineNotFound(f"there is no {name}", baseline=name)
        return found

    async def get_active(self, model: str, model_uid: str, segment: Segment | None = None) -> Baseline:
        """The model's active baseline of a segment, or of all traffic. Raises BaselineNotFound."""
        actives = (await self.actives([model_uid])).get(model_uid, {})
        if segment not in actives:
            raise nothing_active(model, segment, actives)
        return await self.get(model, model_uid, actives[segment].id)

    async def get_many(self, model_uid: str, baseline_ids: Iterable[str]) -> list[Baseline | None]:
        """Baselines of a model by their ids, None for what is not there."""
        place = drift_keys.baselines(partition_for(model_uid), model_uid)
        found = await self._redis.hmget(place, list(baseline_ids))
        return [read_baseline(Message.FromString(body)) if body else None for body in found]

    async def ids(self, model_uid: str, segment: Segment | None = None) -> list[str]:
        """Ids of a model's baselines, newest first; with a segment, of that segment's only."""
        place = drift_keys.baseline_ids(partition_for(model_uid), model_uid)
        ids = [found.decode() for found in await self._redis.zrevrange(place, 0, -1)]
        if segment is None or not ids:
            return ids
        pairs = zip(ids, await self.get_many(model_uid, ids), strict=True)
        return [own for own, baseline in pairs if baseline and baseline.segment == segment]


def _named(baseline: Baseline) -> str:
    return f"{baseline.id} {baseline.uid}"


def _spelled(segment: Segment | None) -> str:
    """A segment as one line: JSON escapes whatever would end it."""
    return json.dumps(segment) if segment else ""


def _read(stored: str) -> Actives:
    whole, *rest = stored.split("\n")
    actives: dict[Segment | None, Active] = {None: Active(*whole.split(" "))} if whole else {}
    for line in rest:
        own, uid, segment = line.split(" ", 2)
        actives[Segment(*json.loads(segment))] = Active(own, uid)
    return actives
