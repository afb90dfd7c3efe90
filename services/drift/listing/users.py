"""Which routers a model served, of every partition: where to look for its predictions."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from services.drift.observed import Asked
from services.state import drift_keys, ids, keys
from services.state.connection import Connections
from services.state.fenced import Fence, lost
from services.state.records import RETENTION_SECONDS
from services.state.scripts import Arg, Run, Script

NOTE_USERS = Script("note_users", repeatable=True)

MOST_ROUTERS = 1000
# Pairs of a router and a model that are known to be noted for a minute; beyond, some are noted again.
MOST_REMEMBERED = 10_000


class UserNotes:
    """Notes routers as their events come, a pair of router and model once a minute. `retention` says for how
    many seconds a router's records are kept, by its uid."""

    def __init__(
        self, connections: Connections, retention: Callable[[str], float] = lambda _: RETENTION_SECONDS
    ) -> None:
        self._redis: Any = connections.steady
        self._retention = retention
        # By partition and token: who is owner again after another was knows nothing.
        self._noted: dict[tuple[int, str, str, str], int] = {}

    async def note(self, partition: int, fence: Fence, asked: Iterable[Asked]) -> None:
        """Note what is not noted yet, under the fence of the partition's owner. Raises LostLease,
        StateUnavailable."""
        latest: dict[tuple[str, str], int] = {}
        for event, models in asked:
            router, manifest = event.router_uid, event.manifest
            # What was made outside is found under its model.
            if not router or not manifest.router:
                continue
            minute = ids.minute_at(manifest.prediction_id)
            for model in models:
                if latest.get((model, router), -1) < minute:
                    latest[model, router] = minute
        new = {
            pair: minute
            for pair, minute in latest.items()
            if self._noted.get((partition, fence.token, *pair), -1) < minute
        }
        if new:
            await self._write(partition, fence, new)

    async def _write(self, partition: int, fence: Fence, new: dict[tuple[str, str], int]) -> None:
        names = sorted({model for model, _ in new})
        found = await self._redis.hmget(keys.catalog_names("models"), names)
        uids = {name: uid.decode() for name, uid in zip(names, found, strict=True) if uid}
        served = defaultdict[str, list[tuple[str, int]]](list)
        for (model, router), minute in new.items():
            if uid := uids.get(model):
                served[uid].append((router, minute))
        runs = [self._run(partition, fence, uid, some) for uid, some in served.items()]
        for reply in await NOTE_USERS.many(self._redis, runs) if runs else []:
            if isinstance(reply, Exception):
                raise reply
            if not reply:
                raise lost(fence)
        if len(self._noted) > MOST_REMEMBERED:
            self._noted.clear()
        self._noted |= {(partition, fence.token, *pair): minute for pair, minute in new.items()}

    def _run(self, partition: int, fence: Fence, uid: str, served: list[tuple[str, int]]) -> Run:
        lifetime = max(self._retention(router) for router, _ in served)
        args: list[Arg] = [fence.token, int(lifetime * 1000), MOST_ROUTERS]
        for router, minute in served:
            args += [minute, router]
        return [fence.key, drift_keys.model_users(partition, uid)], args


class Users:
    """Reads the notes. Raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._redis: Any = connections.steady

    async def of(self, model_uid: str, start: float) -> list[str]:
        """Uids of the routers that the model served since `start`, in seconds since 1970, of all
        partitions."""
        async with self._redis.pipeline() as pipe:
            for partition in range(ids.PARTITIONS):
                pipe.zrangebyscore(drift_keys.model_users(partition, model_uid), int(start // 60), "+inf")
            found = await pipe.execute()
        return [uid.decode() for uids in found for uid in uids]
