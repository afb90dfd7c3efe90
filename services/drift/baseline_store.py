"""Baselines in Redis: bodies in the model's partition, and which are counted in the catalog's slot."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from turnout.drift.v1.baseline_pb2 import Baseline as Message

from services.drift.baseline_refusals import full, nothing_active, occupied, refusal
from services.drift.baselines import Baseline, Segment
from services.drift.counted import NOTHING, Active, Actives, Counted, named, place_of, read_counted
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
# When a baseline is written down in a place: see the script.
ALWAYS, FREE = "", "free"
# Between two commands somebody may make it active again, but hardly so often.
MOST_RETIRED = 5


class BaselineStore:
    """Reads and writes baselines; raises StateUnavailable where Redis cannot be reached."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def create(
        self, baselines: Sequence[Baseline], once: Once | None
    ) -> tuple[Sequence[Baseline], bool]:
        """Keep baselines of a model, all of them or none; those that are kept, and whether an earlier request
        had finished activating or counting them.

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

    async def check_room(
        self, baselines: Sequence[Baseline], once: Once | None, *, beside: bool = False
    ) -> None:
        """Raises StoreFull where activating them would be refused now, or counting them beside others."""
        first = baselines[0]
        request = drift_keys.baseline_request(partition_for(first.model_uid), once.request_id) if once else ""
        # Sent again: what stands in the way may be what the first one made.
        if request and await self._redis.exists(request):
            return
        counted = await self.counted(first.model_uid)
        for one in baselines if beside else ():
            if there := counted.beside.get(one.segment):
                raise occupied(one, there.id)
        segments = counted.actives.keys() | counted.beside.keys() | {one.segment for one in baselines}
        if len(segments - {None}) > MAX_ACTIVE_SEGMENTS:
            raise full(first, MAX_ACTIVE_SEGMENTS)

    async def activate(self, baselines: Sequence[Baseline], once: Once | None = None) -> None:
        """Compare the model with these baselines, each for its own segment, from the next batch on; all of
        them or none. What was counted beside others keeps its profiles. Raises StoreFull."""
        changes = []
        for one in baselines:
            changes.append((place_of(one.segment), named(one), ALWAYS))
            changes.append((place_of(one.segment, beside=True), "", named(one)))
        await self._put(baselines[0], changes)
        await self._finished(baselines[0], once)

    async def count(self, baselines: Sequence[Baseline], once: Once | None = None) -> None:
        """Count traffic on these baselines of a model, each for its own segment, from the next batch on and
        beside the active ones; all of them or none, and nothing for one that is active. Raises StoreFull."""
        changes = [(place_of(one.segment, beside=True), named(one), FREE) for one in baselines]
        await self._put(baselines[0], changes)
        await self._finished(baselines[0], once)

    async def discount(self, baseline: Baseline) -> None:
        """Count no traffic on it from the next batch on, unless it is active."""
        await self._put(baseline, [(place_of(baseline.segment, beside=True), "", named(baseline))])

    async def deactivate(self, model_uid: str) -> None:
        """Compare the model with nothing from the next batch on, and count nothing."""
        await self._redis.hset(drift_keys.active_baselines(), model_uid, "")

    async def retire(self, baseline: Baseline) -> None:
        """Compare what the baseline is for with nothing from the next batch on, if it is compared with it."""
        await self._put(baseline, [(place_of(baseline.segment), "", named(baseline))])

    async def _put(self, example: Baseline, changes: Iterable[tuple[str, str, str]]) -> None:
        args: list[Arg] = [example.model_uid, MAX_ACTIVE_SEGMENTS]
        for change in changes:
            args += change
        reply = await ACTIVATE_BASELINES(self._redis, [drift_keys.active_baselines()], args)
        if reply[0] == b"FULL":
            raise full(example, MAX_ACTIVE_SEGMENTS)
        if reply[0] == b"TAKEN":
            raise occupied(example, reply[1].decode().split(" ")[0])

    async def _finished(self, example: Baseline, once: Once | None) -> None:
        if once:
            request = drift_keys.baseline_request(partition_for(example.model_uid), once.request_id)
            await self._redis.hset(request, "activated", "yes")

    async def release(self, baseline: Baseline, *, force: bool = False) -> None:
        """Raises BaselineInUse if the model is compared with it. By force it is then compared with
        nothing, and refused is only what is made active again time after time."""
        for _turn in range(MOST_RETIRED if force else 1):
            if force:
                await self.retire(baseline)
            if not (await self.counted(baseline.model_uid)).is_active(baseline):
                return
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

    async def counted_of(self, model_uids: Sequence[str]) -> Mapping[str, Counted]:
        """What traffic is counted on, of each of the models that have such baselines."""
        if not model_uids:
            return {}
        found = await self._redis.hmget(drift_keys.active_baselines(), list(model_uids))
        pairs = zip(model_uids, found, strict=True)
        return {uid: read_counted(value.decode()) for uid, value in pairs if value}

    async def counted(self, model_uid: str) -> Counted:
        """What a model's traffic is counted on."""
        return (await self.counted_of([model_uid])).get(model_uid, NOTHING)

    async def actives(self, model_uids: Sequence[str]) -> Mapping[str, Actives]:
        """What each of the models that have active baselines is compared with, by segment."""
        found = await self.counted_of(model_uids)
        return {uid: counted.actives for uid, counted in found.items() if counted.actives}

    async def active(self, model_uids: Sequence[str]) -> Mapping[str, Active]:
        """The active baseline of all traffic, of each of the models that have one."""
        found = await self.actives(model_uids)
        return {uid: actives[None] for uid, actives in found.items() if None in actives}

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
