"""Alerts in Redis: what schedules remember, alerts present and past, and deliveries that wait.

Only the owner of a model's partition writes, under its fence; anybody reads.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from turnout.drift.v1.alert_memory_pb2 import AlertDelivery, AlertMemory
from turnout.drift.v1.alert_pb2 import ALERT_STATE_FIRING, Alert

from services.state import alert_keys, formats
from services.state.connection import Connections
from services.state.fenced import Fence, lost
from services.state.ids import partition_for
from services.state.names import id_of
from services.state.scripts import Arg, Script

# All of them write absolute values: written twice is written once.
COMMIT = Script("commit_look", repeatable=True)
SETTLE = Script("settle_delivery", repeatable=True)
ANNOUNCE = Script("announce_alerts", repeatable=True)

RETENTION_SECONDS = 90 * 86_400
MOST_ALERTS = 1_000
# Of a partition: some 2 MB.
MOST_WAITING = 1_000
QUEUE_SECONDS = 7 * 86_400
MOST_DEAD = 1_000
DEAD_SECONDS = 30 * 86_400
# Who watches and was away for more changes than this hears what fires now instead.
MOST_CHANGES = 10_000


class Commit(NamedTuple):
    """What a look has come to."""

    memory: AlertMemory
    alerts: Sequence[Alert]
    deliveries: Sequence[AlertDelivery]


class AlertStore:
    """Raises StateUnavailable where Redis cannot be reached, LostLease, and NewerFormat."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady
        self._turns = defaultdict[int, asyncio.Lock](asyncio.Lock)

    def turn(self, partition: int) -> asyncio.Lock:
        """To be held from reading an alert to writing it: looks and deliveries both change what its one
        writer, this process, keeps of it."""
        return self._turns[partition]

    async def refresh(self, model_uid: str, memory: AlertMemory) -> None:
        """Bring the alerts that the memory says are firing up to date with what deliveries have noted."""
        held = {id_of(one.alert.name): one for one in memory.machines if one.HasField("alert")}
        for alert in await self.read(model_uid, list(held)):
            held[id_of(alert.name)].alert.CopyFrom(alert)

    async def memory(self, model_uid: str) -> AlertMemory | None:
        """What a model's schedule remembers; None before its first look."""
        body = await self._redis.get(alert_keys.alert_memory(partition_for(model_uid), model_uid))
        if not body:
            return None
        found = AlertMemory.FromString(body)
        formats.check("memory of alerts", found.format, formats.ALERT_MEMORY)
        return found

    async def commit(self, model_uid: str, fence: Fence, made: Commit) -> int:
        """Write a look, if nobody has taken the partition over. Returns how many of its deliveries are dead
        at once, because too many wait."""
        partition = partition_for(model_uid)
        places = [
            fence.key,
            alert_keys.alert_memory(partition, model_uid),
            *_places(partition, model_uid),
            alert_keys.alert_queue(partition),
            alert_keys.alert_dead_letters(partition),
        ]
        args: list[Arg] = [fence.token, made.memory.SerializeToString(), RETENTION_SECONDS, QUEUE_SECONDS]
        args += [MOST_ALERTS, len(made.alerts), MOST_WAITING, MOST_DEAD, DEAD_SECONDS]
        for alert in made.alerts:
            args += [id_of(alert.name), alert.SerializeToString()]
        for delivery in made.deliveries:
            args += [delivery.id, delivery.SerializeToString()]
        dead = int(await COMMIT(self._redis, places, args))
        if dead < 0:
            raise lost(fence)
        return dead

    async def announce(self, model_uid: str, memory: AlertMemory) -> int:
        """Tell watchers of the changes that may not have been announced; how many were new to them."""
        changes = memory.unannounced
        if not changes:
            return 0
        args: list[Arg] = [model_uid, MOST_CHANGES, alert_keys.alerts_channel()]
        for number, alert in enumerate(changes, memory.changes - len(changes) + 1):
            fires = int(alert.state == ALERT_STATE_FIRING)
            args += [number, alert.name, alert.SerializeToString(), fires]
        places = [alert_keys.alerts_announced(), alert_keys.alerts_firing(), alert_keys.alert_changes()]
        return int(await ANNOUNCE(self._redis, places, args))

    async def alerts(self, model_uid: str) -> list[str]:
        """Ids of a model's alerts, newest first."""
        _, ids = _places(partition_for(model_uid), model_uid)
        return [found.decode() for found in await self._redis.zrevrange(ids, 0, -1)]

    async def read(self, model_uid: str, ids: Sequence[str]) -> list[Alert]:
        """Those of the alerts that are there still."""
        bodies, _ = _places(partition_for(model_uid), model_uid)
        found = await self._redis.hmget(bodies, list(ids)) if ids else []
        alerts = [Alert.FromString(body) for body in found if body]
        for one in alerts:
            formats.check("alert", one.format, formats.ALERT)
        return alerts

    async def waiting(self, partitions: Sequence[int]) -> dict[int, int]:
        """How many deliveries wait, of the partitions that have any."""
        async with self._redis.pipeline() as pipe:
            for partition in partitions:
                pipe.hlen(alert_keys.alert_queue(partition))
            counts = await pipe.execute()
        return {partition: count for partition, count in zip(partitions, counts, strict=True) if count}

    async def deliveries(self, partition: int) -> list[AlertDelivery]:
        """The deliveries of a partition that wait, in the order in which they were made."""
        bodies = await self._redis.hvals(alert_keys.alert_queue(partition))
        found = [AlertDelivery.FromString(body) for body in bodies]
        for one in found:
            formats.check("delivery", one.format, formats.ALERT_DELIVERY)
        return sorted(found, key=lambda one: one.id)

    async def settle(
        self,
        partition: int,
        fence: Fence,
        delivery: AlertDelivery,
        alert: Alert | None,
        *,
        waits: bool,
        why: str,
    ) -> None:
        """Write down how an attempt went. waits: whether it is tried again; why: it was given up, or ''."""
        body = delivery.SerializeToString()
        bodies, _ = _places(partition, delivery.model_uid)
        places = [
            fence.key,
            alert_keys.alert_queue(partition),
            bodies,
            alert_keys.alert_dead_letters(partition),
        ]
        args: list[Arg] = [fence.token, delivery.id, body if waits else b"", QUEUE_SECONDS]
        args += [id_of(delivery.alert.name), alert.SerializeToString() if alert else b""]
        args += [why, body, MOST_DEAD, DEAD_SECONDS]
        if not await SETTLE(self._redis, places, args):
            raise lost(fence)

    async def firing(self) -> list[Alert]:
        """Every alert that fires, of all models."""
        return [Alert.FromString(body) for body in await self._redis.hvals(alert_keys.alerts_firing())]

    async def forget(self, model_uid: str) -> None:
        """Remove everything of a model that is no more."""
        partition = partition_for(model_uid)
        await self._redis.unlink(
            alert_keys.alert_memory(partition, model_uid), *_places(partition, model_uid)
        )
        await self._redis.hdel(alert_keys.alerts_announced(), model_uid)


def _places(partition: int, model_uid: str) -> list[str]:
    return [alert_keys.alerts(partition, model_uid), alert_keys.alert_ids(partition, model_uid)]
