"""Every entry is handled by one, in order, until it is done, whoever dies on the way."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest
from turnout.inference.v1.event_pb2 import EventBatch

from services.state import drift_keys, keys
from services.state.connection import Connections, connect
from services.state.consumer import Entry
from services.state.embedded import EmbeddedRedis
from services.state.errors import StateUnavailable
from services.state.fenced import Fence, FencedWriter
from services.state.positions import order
from services.state.streams import EVENTS
from tests.state.groups import BOTH, Member, append, members
from tests.waiting import eventually

Batches = Sequence[Entry[EventBatch]]


async def test_hands_over_what_is_there_and_what_comes(connections: Connections) -> None:
    await append(connections, 3, 1, 2, 3)
    one = Member(connections, "a")
    async with members(one):
        await eventually(lambda: one.sequences(3) == [1, 2, 3])
        await append(connections, 3, 4)
        await append(connections, 60, 1)
        await eventually(lambda: one.sequences(3) == [1, 2, 3, 4] and one.sequences(60) == [1])
        assert one.consumer.handled == 5


async def test_what_is_done_is_dropped_and_counted(connections: Connections) -> None:
    await append(connections, 3, *range(1, 40))
    one = Member(connections, "a")
    assert await one.consumer.lag() == {3: 39}
    async with members(one):
        await eventually(lambda: len(one.seen) == 39)
        await eventually(lambda: _empty(connections, 3))
    assert await one.consumer.lag() == {}


async def test_keeps_what_another_group_has_not_done(connections: Connections) -> None:
    both = BOTH
    entries = await append(connections, 3, 1, 2)
    one, two = Member(connections, "a", stream=both), Member(connections, "b", stream=both, group="feedback")
    async with members(one):
        await eventually(lambda: len(one.seen) == 2)
    assert await connections.steady.xlen(keys.events(3)) == 2
    assert await two.consumer.lag() == {3: 2}
    async with members(two):
        await eventually(lambda: len(two.seen) == 2)
        await eventually(lambda: _empty(connections, 3))
    assert [entry for _, entry, _ in two.seen] == entries


async def test_members_share_the_work(connections: Connections) -> None:
    one, two = Member(connections, "a"), Member(connections, "b")
    async with members(one, two):
        await eventually(lambda: len(one.ownership.owned) == len(two.ownership.owned) == 32)
        for partition in range(64):
            await append(connections, partition, 1, 2, 3)
        await eventually(lambda: len(one.seen) + len(two.seen) == 192)
    assert len(one.seen) == len(two.seen) == 96
    assert all((one.sequences(p) or two.sequences(p)) == [1, 2, 3] for p in range(64))


async def test_goes_on_where_a_crashed_one_stopped(connections: Connections) -> None:
    """It died with an entry in its hands: that one comes to its successor first, then the rest in order."""
    stuck = asyncio.Event()

    async def hang_on_the_third(partition: int, fence: Fence, entries: Batches) -> None:
        if entries[-1].message.sequence >= 3:
            stuck.set()
            await asyncio.Event().wait()

    one, two = Member(connections, "a", hang_on_the_third, entries=1), Member(connections, "b")
    async with members(one):
        await append(connections, 3, 1, 2, 3, 4, 5)
        await asyncio.wait_for(stuck.wait(), 5)
        await one.vanish()
        async with members(two):
            await eventually(lambda: two.sequences(3) == [3, 4, 5])
    assert one.sequences(3) == [1, 2]


async def test_a_drain_loses_nothing_and_repeats_nothing(connections: Connections) -> None:
    async def slowly(partition: int, fence: Fence, entries: Batches) -> None:
        await asyncio.sleep(0.01)

    one, two = Member(connections, "a", slowly, entries=2), Member(connections, "b")
    async with members(one):
        await append(connections, 3, *range(1, 31))
        await eventually(lambda: len(one.seen) >= 5)
        await one.ownership.drain()
        done = list(one.sequences(3))
        assert not one.ownership.owned
        async with members(two):
            await eventually(lambda: len(done) + len(two.seen) == 30)
    assert one.sequences(3) == done
    assert done + two.sequences(3) == list(range(1, 31))


async def test_a_stopped_owner_that_wakes_up_writes_nothing(connections: Connections) -> None:
    """The classic: it stalls with an entry in its hands, is replaced, and goes on as if nothing had been."""
    taken, go_on = asyncio.Event(), asyncio.Event()
    blob, writer = drift_keys.profile(3, "b1", "5m:0"), FencedWriter(connections)

    async def stall(partition: int, fence: Fence, entries: Batches) -> None:
        if not taken.is_set():
            taken.set()
            await go_on.wait()
        await writer.set(fence, {blob: b"stalled"}, lifetime=60)

    async def write(partition: int, fence: Fence, entries: Batches) -> None:
        await writer.set(fence, {blob: b"successor"}, lifetime=60)

    one, two = Member(connections, "a", stall), Member(connections, "b", write)
    one.start()
    await append(connections, 3, 1)
    await asyncio.wait_for(taken.wait(), 5)
    # Only its leases stop being renewed; the consumer stands still in the handler.
    one._tasks.pop(0).cancel()
    async with members(two):
        await eventually(lambda: two.sequences(3) == [1])
        go_on.set()
        await eventually(lambda: not one.consumer.busy(3))
        await one.vanish()
    assert one.seen == []
    assert await connections.steady.get(blob) == b"successor"


async def test_gives_up_on_what_cannot_be_handled(connections: Connections) -> None:
    tries: list[int] = []

    async def choke_on_the_second(partition: int, fence: Fence, entries: Batches) -> None:
        if any(entry.message.sequence == 2 for entry in entries):
            tries.append(len(entries))
            raise ValueError("cannot digest it")

    one = Member(connections, "a", choke_on_the_second, deliveries=3)
    async with members(one):
        await append(connections, 3, 1, 2, 3, 4)
        await append(connections, 4, 1)
        await eventually(lambda: one.sequences(3) == [1, 3, 4])
        assert one.sequences(4) == [1]
    assert one.consumer.buried == 1
    assert tries[-3:] == [1, 1, 1]
    (dead,) = await connections.steady.xrange(keys.dead_letters(keys.events(3)))
    assert EventBatch.FromString(dead[1][b"payload"]).sequence == 2
    assert dead[1][b"why"] == b"ValueError: cannot digest it"


async def test_gives_up_on_what_kills_its_readers(connections: Connections) -> None:
    """Each process that takes it dies; the count of tries outlives them."""
    for place in range(3):
        stuck = asyncio.Event()

        async def die(partition: int, fence: Fence, entries: Batches, stuck: asyncio.Event = stuck) -> None:
            stuck.set()
            await asyncio.Event().wait()

        victim = Member(connections, f"victim {place}", die, deliveries=3)
        if place == 0:
            await append(connections, 3, 1, 2)
        victim.start()
        await asyncio.wait_for(stuck.wait(), 10)
        await victim.vanish()
    one = Member(connections, "survivor", deliveries=3)
    async with members(one):
        await eventually(lambda: one.sequences(3) == [2])
    (dead,) = await connections.steady.xrange(keys.dead_letters(keys.events(3)))
    assert dead[1][b"why"] == b"whoever handled it died"


async def test_does_not_blame_an_entry_for_what_is_away(connections: Connections) -> None:
    tries = 0

    async def away_at_first(partition: int, fence: Fence, entries: Batches) -> None:
        nonlocal tries
        tries += 1
        if tries <= 5:
            raise StateUnavailable("away")

    one = Member(connections, "a", away_at_first, deliveries=2)
    async with members(one):
        await append(connections, 3, 1)
        await eventually(lambda: one.sequences(3) == [1])
    assert one.consumer.buried == 0


async def _forgotten(connections: Connections) -> bool:
    return not await connections.steady.exists(keys.attempts(keys.events(3), "drift"))


async def test_no_number_of_outages_buries_an_entry(redis_server: EmbeddedRedis) -> None:
    """Redis dies in the middle of a try, which then can neither end nor be taken back, and the lease runs out
    meanwhile."""
    up, fallen, outages = asyncio.Event(), asyncio.Event(), 0
    async with connect(redis_server.url) as connections:

        async def outlive(partition: int, fence: Fence, entries: Batches) -> None:
            nonlocal outages
            if outages < 4:
                outages += 1
                await up.wait()
                up.clear()
                await connections.steady.unlink(keys.lease(3, "drift"))
                await redis_server.kill()
                fallen.set()
                await connections.steady.get("turnout:nothing")

        one = Member(connections, "a", outlive, deliveries=2)
        await append(connections, 3, 1)
        async with members(one):
            former = 0
            for _ in range(4):
                former = await renewed(one, former)
                up.set()
                await asyncio.wait_for(fallen.wait(), 60)
                fallen.clear()
                await redis_server.start()
            await eventually(lambda: one.sequences(3) == [1], within=60.0)
            # Tries are forgotten when the handler has returned.
            await eventually(partial(_forgotten, connections))
        assert one.consumer.buried == 0


async def test_leaves_a_newer_format_alone(connections: Connections) -> None:
    """A rolling upgrade: the old process waits, the new one goes on; nothing is half read or thrown away."""
    batch = EventBatch(format=99, sequence=1)
    await connections.steady.xadd(keys.events(3), {EVENTS.field: batch.SerializeToString()})
    one = Member(connections, "a", deliveries=1)
    async with members(one):
        await append(connections, 4, 1)
        await eventually(lambda: one.sequences(4) == [1])
        await eventually(lambda: one.consumer._places[3].until > 0)
    assert one.sequences(3) == []
    assert one.consumer.buried == 0
    assert await connections.steady.xlen(keys.events(3)) == 1


async def test_goes_on_after_redis_was_killed(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        one = Member(connections, "a")
        async with members(one):
            await append(connections, 3, 1, 2)
            await eventually(lambda: one.sequences(3) == [1, 2])
            await redis_server.kill()
            await redis_server.start()
            await append(connections, 3, 3)
            await eventually(lambda: one.sequences(3) == [1, 2, 3])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_effects_are_exact_while_members_come_and_go(connections: Connections, seed: int) -> None:
    """Some crash, some leave in good order, entries keep coming; a sum with its last entry id stays exact."""
    rng, writer, wanted = random.Random(seed), FencedWriter(connections), Counter[int]()

    async def add(partition: int, fence: Fence, entries: Batches) -> None:
        key = keys.pulls(partition, "r")
        last, total = await connections.steady.hmget(key, ["last", "total"])
        fresh = [one for one in entries if last is None or order(one.id) > order(last.decode())]
        if fresh:
            sums = int(total or 0) + sum(one.message.sequence for one in fresh)
            await writer.hash_set(fence, key, {"last": fresh[-1].id, "total": sums}, lifetime=60)

    async def exact() -> bool:
        return {
            p: int(await connections.steady.hget(keys.pulls(p, "r"), "total") or 0) for p in wanted
        } == wanted

    alive: list[Member] = []
    for step in range(12):
        alive.append(Member(connections, f"{seed}-{step}", add))
        alive[-1].start()
        for partition in (1, 2, 3):
            numbers = rng.sample(range(1, 100), 5)
            wanted[partition] += sum(numbers)
            await append(connections, partition, *numbers)
        if len(alive) > 2:
            await leave(alive.pop(rng.randrange(len(alive))), gracefully=rng.random() < 0.5)
    try:
        await eventually(exact)
    finally:
        for one in alive:
            await leave(one, gracefully=False)


async def renewed(one: Member, former: int) -> int:
    """The token of partition 3, once it is another one."""
    await eventually(lambda: one.ownership.owned.get(3, former) != former)
    return one.ownership.owned[3]


async def leave(one: Member, *, gracefully: bool) -> None:
    if gracefully:
        await one.ownership.drain()
    await one.vanish()


async def _empty(connections: Connections, partition: int) -> bool:
    return await connections.steady.xlen(keys.events(partition)) == 0
