"""Half-open: one probe at a time in the whole fleet."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from services.state.connection import Connections
from services.state.embedded import EmbeddedRedis
from tests.router.health.replicas import MODEL, Clock, Replica, replicas
from tests.waiting import eventually

ROUNDS = 120


class Model:
    """Where probes arrive: it counts those in flight, and answers by chance."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.in_flight = 0
        self.most = 0
        self.answers: list[bool | None] = []

    async def probed(self, replica: Replica) -> None:
        """A request comes to the replica; it is the probe if it may be."""
        probe = replica.take()
        if probe is None:
            return
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        for _ in range(self.rng.randrange(20)):
            await asyncio.sleep(0)
        answer = self.rng.choice([True, False, None])
        self.answers.append(answer)
        self.in_flight -= 1
        probe.done(answer)


async def live(replica: Replica, model: Model, stop: asyncio.Event) -> None:
    """What a replica does all day, with requests in between."""
    while not stop.is_set():
        await replica.sharing.step()
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(model.probed(replica))
            if model.rng.random() < 0.5:
                group.create_task(replica.follower.poll())


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_three_replicas_race_and_one_probe_is_in_flight(
    redis_url: str, connections: Connections, seed: int
) -> None:
    clock, model, stop = Clock(), Model(seed), asyncio.Event()
    async with replicas(redis_url, 3, clock) as fleet:
        async with asyncio.TaskGroup() as group:
            for one in fleet:
                group.create_task(live(one, model, stop))
            await eventually(lambda: _enough(fleet, model, clock), within=60)
            stop.set()
        assert model.most == 1
        assert {True, False, None} <= set(model.answers)
        for one in fleet:
            await one.sharing.step()
            await one.follower.poll()
            await one.sharing.step()
        for one in fleet:
            await one.follower.poll()
        assert len({one.out for one in fleet}) == 1


def _enough(fleet: Sequence[Replica], model: Model, clock: Clock) -> bool:
    """Move time on when nothing is in flight, and break what is whole; true after enough probes."""
    if model.in_flight == 0:
        clock.seconds += 101.0
        if not any(one.out for one in fleet):
            model.rng.choice(fleet).fail()
    return len(model.answers) >= ROUNDS


async def test_nobody_probes_before_the_time_is_up(redis_url: str, connections: Connections) -> None:
    clock = Clock()
    async with replicas(redis_url, 1, clock) as (one,):
        one.fail()
        clock.seconds += 29.9
        await one.sharing.step()
        assert one.take() is None
        clock.seconds += 0.2
        await one.sharing.step()
        assert one.take() is not None


async def test_where_no_request_comes_the_next_one_may_try(redis_url: str, connections: Connections) -> None:
    clock = Clock()
    async with replicas(redis_url, 2, clock) as (one, other):
        one.fail()
        await one.sharing.step()
        await other.follower.poll()
        clock.seconds += 31.0
        await one.sharing.step()
        await other.sharing.step()
        assert (one.board.probe(MODEL) is not None, other.board.probe(MODEL)) == (True, None)
        clock.seconds += 2.0
        assert one.take() is None
        await one.sharing.step()
        await other.sharing.step()
        assert one.board.probe(MODEL) is None
        assert other.take() is not None


async def test_who_gets_the_lease_hears_first_what_came_of_the_last_probe(
    redis_url: str, connections: Connections
) -> None:
    """The other replica missed every notice since the ejection; it must not probe what was ejected anew."""
    clock = Clock()
    async with replicas(redis_url, 2, clock) as (one, other):
        one.fail()
        await one.sharing.step()
        await other.follower.poll()
        clock.seconds += 31.0
        await one.sharing.step()
        probe = one.take()
        assert probe is not None
        probe.done(False)
        await one.sharing.step()
        await other.sharing.step()
        assert other.board.probe(MODEL) is None
        assert other.number == 2
        assert other.until == pytest.approx(one.until, abs=0.5)
        # And it did not keep the lease.
        assert (await one.ejections.take_probe(one.board.out[MODEL].uid, 1.0))[0]


async def test_who_serves_nobody_with_the_model_does_not_take_the_lease(
    redis_url: str, connections: Connections
) -> None:
    clock = Clock()
    async with replicas(redis_url, 1, clock) as (one,):
        one.board.serves = lambda _: False
        one.fail()
        clock.seconds += 31.0
        await one.sharing.step()
        assert one.board.probe(MODEL) is None


async def test_without_redis_each_replica_probes_for_itself(redis_server: EmbeddedRedis) -> None:
    clock = Clock()
    async with replicas(redis_server.url, 2, clock) as fleet:
        await redis_server.kill()
        for one in fleet:
            one.fail()
        clock.seconds += 31.0
        for one in fleet:
            await one.sharing.step()
            probe = one.take()
            assert probe is not None
            assert one.take() is None
            probe.done(True)
            await one.sharing.step()
            assert not one.out
