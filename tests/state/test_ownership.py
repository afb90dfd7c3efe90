"""64 partitions, shared out between whoever is alive, never led by two."""

import random
from collections import Counter

import pytest

from services.state import drift_keys, keys
from services.state.connection import Connections
from services.state.errors import LostLease
from services.state.fenced import Fence, FencedWriter
from services.state.ids import PARTITIONS
from services.state.ownership import Ownership
from tests.state.background import running
from tests.state.groups import LEASE
from tests.waiting import eventually


def owner(connections: Connections, name: str) -> Ownership:
    return Ownership(connections, "drift", name, rng=random.Random(name), lease_seconds=LEASE)


def led(*owners: Ownership) -> Counter[int]:
    return Counter(partition for one in owners for partition in one.owned)


def shares(*owners: Ownership) -> list[int]:
    return sorted(len(one.owned) for one in owners)


async def test_one_alone_leads_all(connections: Connections) -> None:
    one = owner(connections, "a")
    await one.round()
    assert set(one.owned) == set(range(PARTITIONS))
    assert set(one.owned.values()) == {1}


async def test_a_newcomer_gets_its_share(connections: Connections) -> None:
    one, two, three = (owner(connections, name) for name in "abc")
    async with running(one.run(), two.run()):
        await eventually(lambda: shares(one, two) == [32, 32])
        async with running(three.run()):
            await eventually(lambda: shares(one, two, three) == [21, 21, 22])
            assert max(led(one, two, three).values()) == 1


async def test_a_crash_is_taken_over(connections: Connections) -> None:
    one, two = owner(connections, "a"), owner(connections, "b")
    async with running(two.run()):
        async with running(one.run()):
            await eventually(lambda: shares(one, two) == [32, 32])
            former = dict(one.owned)
        await eventually(lambda: len(two.owned) == PARTITIONS)
        assert all(two.owned[partition] > token for partition, token in former.items())


async def test_a_drain_hands_over_at_once(connections: Connections) -> None:
    one, two = owner(connections, "a"), owner(connections, "b")
    await one.round()
    await one.drain()
    assert not one.owned
    await two.round()
    assert len(two.owned) == PARTITIONS
    await one.round()
    assert not one.owned


async def test_the_fence_of_another_is_refused(connections: Connections) -> None:
    one = owner(connections, "a")
    with pytest.raises(LostLease):
        one.fence(3)
    await one.round()
    assert one.fence(3) == Fence(keys.token(3, "drift"), "1")


async def test_a_writer_that_was_replaced_writes_nothing(connections: Connections) -> None:
    """The lease ran out, somebody else was given the partition: the former owner's late write is refused."""
    one, two = owner(connections, "a"), owner(connections, "b")
    await one.round()
    late, writer = one.fence(5), FencedWriter(connections)
    blob, table = drift_keys.profile(5, "b1", "5m:0"), keys.pulls(5, "r1")
    await writer.set(late, {blob: b"mine"}, lifetime=60)
    await writer.hash_set(late, table, {"drawn:a": 1}, lifetime=60)
    await one.drain()
    await two.round()
    await writer.set(two.fence(5), {blob: b"theirs"}, lifetime=60)
    with pytest.raises(LostLease):
        await writer.set(late, {blob: b"too late"}, lifetime=60)
    with pytest.raises(LostLease):
        await writer.hash_set(late, table, {"drawn:a": 2}, lifetime=60)
    assert await connections.steady.get(blob) == b"theirs"
    assert await connections.steady.hgetall(table) == {b"drawn:a": b"1"}


async def test_whoever_lost_a_lease_notices(connections: Connections) -> None:
    one = owner(connections, "a")
    await one.round()
    await connections.steady.set(keys.lease(7, "drift"), "b", px=60_000)
    await one.round()
    assert 7 not in one.owned
    assert len(one.owned) == PARTITIONS - 1


async def test_a_lease_that_ran_out_comes_back_with_a_new_token(connections: Connections) -> None:
    """Work begun under the old token is fenced out, although nobody else came between."""
    one = owner(connections, "a")
    await one.round()
    await connections.steady.delete(keys.lease(7, "drift"))
    await one.round()
    assert one.owned[7] == 2
    assert one.owned[8] == 1


async def test_groups_do_not_meet(connections: Connections) -> None:
    drift, feedback = owner(connections, "a"), Ownership(connections, "feedback", "b", rng=random.Random(1))
    await drift.round()
    await feedback.round()
    assert len(drift.owned) == len(feedback.owned) == PARTITIONS
