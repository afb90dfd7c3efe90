"""What feedback publishes, every replica has soon, and keeps while Redis is away."""

import asyncio
import random
from typing import Any

import pytest
from turnout.feedback.v1.rewards_pb2 import Arm, RewardSnapshot

from services.state import formats, ids, keys
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.errors import LostLease, NewerFormat
from services.state.fenced import Fence
from services.state.learned import LearnedFollower, SnapshotStore
from tests.state.background import running
from tests.waiting import eventually

ROUTER = "018bcfe5-69f4-7000-8591-b7582265b1f5"
PARTITION = ids.partition_for(ROUTER)


async def fenced(connections: Connections, token: int = 1) -> Fence:
    fence = Fence.of(PARTITION, "feedback", token)
    await connections.steady.set(fence.key, fence.token)
    return fence


def learnt(probability: float, uid: str = ROUTER) -> RewardSnapshot:
    return RewardSnapshot(router_uid=uid, arms=[Arm(variant="a", probability=probability)])


def follower(connections: Connections, **options: Any) -> LearnedFollower:
    return LearnedFollower(connections, wanted=lambda: [ROUTER], rng=random.Random(1), **options)


def probability(one: LearnedFollower) -> float | None:
    held = one.snapshots.get(ROUTER)
    return held.arms[0].probability if held else None


async def test_versions_only_grow(connections: Connections) -> None:
    store, fence = SnapshotStore(connections), await fenced(connections)
    assert await store.read(ROUTER) is None
    versions = [await store.publish(learnt(place / 10), fence) for place in range(3)]
    assert versions == [1, 2, 3]
    read = await store.read(ROUTER)
    assert read is not None
    assert (read.version, read.arms[0].probability) == (3, 0.2)
    assert await store.versions([ROUTER, "nobody"]) == {ROUTER: 3}


async def test_publishing_at_once_loses_no_version(connections: Connections) -> None:
    store, fence = SnapshotStore(connections), await fenced(connections)
    versions = await asyncio.gather(*(store.publish(learnt(0.5), fence) for _ in range(4)))
    assert sorted(versions) == [1, 2, 3, 4]


async def test_who_was_replaced_publishes_nothing(connections: Connections) -> None:
    store, late = SnapshotStore(connections), await fenced(connections)
    await store.publish(learnt(0.9), await fenced(connections, 2))
    with pytest.raises(LostLease):
        await store.publish(learnt(0.1), late)
    read = await store.read(ROUTER)
    assert read is not None
    assert read.arms[0].probability == 0.9


async def test_a_notice_comes_before_the_poll(connections: Connections) -> None:
    """With polls an hour apart, only the notice can have told."""
    told: list[int] = []
    one = follower(connections, poll_seconds=3600.0, on_change=lambda snapshot: told.append(snapshot.version))
    store, fence = SnapshotStore(connections), await fenced(connections)
    await store.publish(learnt(0.1), fence)
    async with running(one.run()):
        await eventually(lambda: probability(one) == 0.1)
        await store.publish(learnt(0.2), fence)
        await eventually(lambda: probability(one) == 0.2)
        await store.publish(learnt(0.3, "somebody else's"), fence)
    assert told == [1, 2]
    assert set(one.snapshots) == {ROUTER}
    await connections.steady.delete(keys.rewards(ids.partition_for("somebody else's"), "somebody else's"))


async def test_a_poll_finds_what_no_notice_told(connections: Connections) -> None:
    one = follower(connections, poll_seconds=0.1)
    async with running(one.run()):
        await eventually(lambda: one.stale_seconds < 1)
        snapshot = learnt(0.7)
        snapshot.version = 5
        mapping: Any = {"version": 5, "format": 1, "snapshot": snapshot.SerializeToString()}
        await connections.steady.hset(keys.rewards(PARTITION, ROUTER), mapping=mapping)
        await eventually(lambda: probability(one) == 0.7)
        await connections.steady.expire(keys.rewards(PARTITION, ROUTER), 60)


async def test_forgets_what_nobody_wants(connections: Connections) -> None:
    wanted = [ROUTER]
    one = LearnedFollower(connections, wanted=lambda: wanted, rng=random.Random(1))
    await SnapshotStore(connections).publish(learnt(0.1), await fenced(connections))
    await one.poll()
    assert set(one.snapshots) == {ROUTER}
    wanted.clear()
    await one.poll()
    assert one.snapshots == {}


async def test_a_newer_format_leaves_the_former_in_force(connections: Connections) -> None:
    one = follower(connections)
    await SnapshotStore(connections).publish(learnt(0.1), await fenced(connections))
    await one.poll()
    await connections.steady.hset(keys.rewards(PARTITION, ROUTER), mapping={"format": 99, "version": 2})
    await one.poll()
    assert probability(one) == 0.1
    assert ROUTER in one.unreadable


async def test_the_last_state_stays_while_redis_is_away(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        store, fence = SnapshotStore(connections), await fenced(connections)
        await store.publish(learnt(0.1), fence)
        one = follower(connections, poll_seconds=0.1)
        assert one.stale_seconds == float("inf")
        async with running(one.run()):
            await eventually(lambda: probability(one) == 0.1)
            await redis_server.kill()
            await eventually(lambda: one.stale_seconds > 0.3)
            assert probability(one) == 0.1
            await redis_server.start()
            await store.publish(learnt(0.2), fence)
            await eventually(lambda: probability(one) == 0.2)


async def test_what_a_newer_version_published_is_not_overwritten(connections: Connections) -> None:
    store, fence = SnapshotStore(connections), await fenced(connections)
    await store.publish(learnt(0.5), fence)
    key = keys.rewards(PARTITION, ROUTER)
    await connections.steady.hset(key, "format", formats.REWARDS + 1)
    with pytest.raises(NewerFormat):
        await store.publish(learnt(0.6), fence)
    assert await connections.steady.hget(key, "version") == b"1"
