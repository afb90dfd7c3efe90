"""Baselines in Redis: bodies in the model's partition, and which one is active in the catalog's slot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnout.drift.v1.baseline_pb2 import Baseline as Message

from services.drift.baselines import Baseline
from services.drift.errors import BaselineInUse, BaselineNotFound
from services.drift.wire import read_baseline, write_baseline
from services.state import drift_keys
from services.state.connection import Connections
from services.state.errors import NameTaken, RequestIdReused, StoreFull
from services.state.ids import partition_for
from services.state.once import LIFETIME_MS, Once
from services.state.scripts import Arg, Script

CREATE_BASELINE = Script("create_baseline")
DELETE_BASELINE = Script("delete_baseline")
# About 5 MB for a model of 25 features, if somebody fills it.
MAX_BASELINES = 100


@dataclass(frozen=True, slots=True)
class Active:
    """Which baseline a model is compared with. The uid tells a baseline from a later one of the same id."""

    id: str
    uid: str


class BaselineStore:
    """Reads and writes baselines; raises StateUnavailable where Redis cannot be reached."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def create(self, baseline: Baseline, once: Once | None) -> tuple[Baseline, bool]:
        """Keep a baseline; the one that is kept, and whether an earlier request had finished activating it.

        Raises NameTaken, RequestIdReused or StoreFull.
        """
        # First: a baseline whose model nobody knows of would outlive it.
        await self._redis.hsetnx(drift_keys.active_baselines(), baseline.model_uid, "")
        partition = partition_for(baseline.model_uid)
        places = [
            drift_keys.baselines(partition, baseline.model_uid),
            drift_keys.baseline_ids(partition, baseline.model_uid),
        ]
        if once:
            places.append(drift_keys.baseline_request(partition, once.request_id))
        body = write_baseline(baseline, active=False).SerializeToString()
        fingerprint = once.fingerprint if once else ""
        args: list[Arg] = [baseline.id, body, baseline.create_time, MAX_BASELINES, fingerprint, LIFETIME_MS]
        reply = [part.decode() for part in await CREATE_BASELINE(self._redis, places, args)]
        if reply[0] == "CREATED":
            return baseline, False
        if reply[0] == "ANSWERED":
            return await self.get(baseline.model, baseline.model_uid, reply[1]), bool(reply[2])
        raise _refusal(reply[0], baseline, once)

    async def activate(self, baseline: Baseline, once: Once | None = None) -> None:
        """Compare the model with this baseline from the next batch on."""
        await self._redis.hset(
            drift_keys.active_baselines(), baseline.model_uid, f"{baseline.id} {baseline.uid}"
        )
        if once:
            request = drift_keys.baseline_request(partition_for(baseline.model_uid), once.request_id)
            await self._redis.hset(request, "activated", "yes")

    async def deactivate(self, model_uid: str) -> None:
        """Compare the model with nothing from the next batch on."""
        await self._redis.hset(drift_keys.active_baselines(), model_uid, "")

    async def check_idle(self, baseline: Baseline) -> None:
        """Raises BaselineInUse if the model is compared with it."""
        active = (await self.active([baseline.model_uid])).get(baseline.model_uid)
        if active and active.uid == baseline.uid:
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

    async def active(self, model_uids: Sequence[str]) -> Mapping[str, Active]:
        """The active baseline of each of the models that have one."""
        if not model_uids:
            return {}
        found = await self._redis.hmget(drift_keys.active_baselines(), list(model_uids))
        pairs = zip(model_uids, found, strict=True)
        return {uid: Active(*value.decode().split(" ")) for uid, value in pairs if value}

    async def get(self, model: str, model_uid: str, baseline_id: str) -> Baseline:
        """A baseline by its id. Raises BaselineNotFound."""
        (found,) = await self.get_many(model_uid, [baseline_id])
        if found is None:
            name = f"{model}/baselines/{baseline_id}"
            raise BaselineNotFound(f"there is no {name}", baseline=name)
        return found

    async def get_active(self, model: str, model_uid: str) -> Baseline:
        """The model's active baseline. Raises BaselineNotFound."""
        active = (await self.active([model_uid])).get(model_uid)
        if active is None:
            raise BaselineNotFound(f"{model} has no active baseline; create one first", model=model)
        return await self.get(model, model_uid, active.id)

    async def get_many(self, model_uid: str, baseline_ids: Iterable[str]) -> list[Baseline | None]:
        """Baselines of a model by their ids, None for what is not there."""
        place = drift_keys.baselines(partition_for(model_uid), model_uid)
        found = await self._redis.hmget(place, list(baseline_ids))
        return [read_baseline(Message.FromString(body)) if body else None for body in found]

    async def ids(self, model_uid: str) -> list[str]:
        """Ids of a model's baselines, newest first."""
        place = drift_keys.baseline_ids(partition_for(model_uid), model_uid)
        return [found.decode() for found in await self._redis.zrevrange(place, 0, -1)]


def _refusal(status: str, baseline: Baseline, once: Once | None) -> NameTaken | StoreFull | RequestIdReused:
    if status == "TAKEN":
        said = "is taken; choose another id or leave it empty"
        return NameTaken(f"{baseline.name} {said}", fields=[("baseline_id", said)], name=baseline.name)
    if status == "FULL":
        said = (
            f"{baseline.model} has {MAX_BASELINES} baselines, the most that are kept: delete one first "
            "(DeleteBaseline)"
        )
        return StoreFull(said, limit=MAX_BASELINES)
    said = "belongs to a different request; send a new one"
    request_id = once.request_id if once else ""
    return RequestIdReused(
        f"request_id {request_id} {said}", fields=[("request_id", said)], request_id=request_id
    )
