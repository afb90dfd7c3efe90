"""What a replica reports of itself, and what it has loaded before it serves."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from turnout.feedback.v1.rewards_pb2 import Arm, RewardSnapshot

from services.foundation.runtime import Runtime
from services.foundation.settings import Settings
from services.router.health.board import HealthBoard
from services.router.serving.following import Reporter
from services.router.serving.snapshot import Snapshot
from services.state.batcher import EventWriter
from services.state.catalog import CatalogFollower
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.fenced import Fence
from services.state.heartbeats import Heartbeats
from services.state.ids import partition_for
from services.state.learned import SnapshotStore
from tests.router.conftest import Desk, doctors, running_router
from tests.waiting import eventually


@asynccontextmanager
async def reporter(connections: Connections, folder: Path) -> AsyncIterator[tuple[Reporter, CatalogFollower]]:
    """A replica's reporter that does not run yet, and the follower that it reports of."""
    runtime = Runtime("router", Settings(), rng=random.Random(5))
    follower = CatalogFollower(connections, rng=random.Random(6))
    writer = EventWriter(connections, folder / "spool", writer="r1", rng=random.Random(7))
    yield (
        Reporter(
            "r1", runtime, follower, Snapshot(), Heartbeats(connections), writer, HealthBoard(runtime.metrics)
        ),
        follower,
    )
    await runtime.close()


async def living(connections: Connections) -> list[str]:
    return [one.id for one in await Heartbeats(connections).live()]


async def test_who_left_reports_no_more(connections: Connections, tmp_path: Path) -> None:
    async with reporter(connections, tmp_path) as (one, follower):
        running = asyncio.create_task(one.run())
        await eventually(lambda: living(connections))
        await one.leave()
        # News that would have been reported at once.
        await follower.reconcile()
        async with asyncio.timeout(10):
            await running
        assert await living(connections) == []


async def test_a_report_on_its_way_does_not_outlive_the_leave(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    async with connect(redis_server.url) as connections, reporter(connections, tmp_path) as (one, _):
        await connections.steady.ping()
        redis_server.signal(signal.SIGSTOP)
        running = asyncio.create_task(one.run())
        await eventually(one._turn.locked)
        leaving = asyncio.create_task(one.leave())
        redis_server.signal(signal.SIGCONT)
        async with asyncio.timeout(10):
            await asyncio.gather(leaving, running)
        assert await living(connections) == []


async def test_a_drained_replica_is_gone_for_the_next_rollout(
    redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    async with running_router(redis_url, tmp_path / "first") as desk:
        await desk.seat("cancer-bayes", "cancer-stump")
        async with running_router(redis_url, tmp_path / "second"):
            await eventually(lambda: _has(connections, 2))
        assert len(await living(connections)) == 1
        assert (await desk.deploy("cancer", doctors())).endpoint == desk.address


async def _has(connections: Connections, replicas: int) -> bool:
    return len(await living(connections)) == replicas


@pytest.mark.parametrize("learnt", [(0.9, 0.1), (0.2, 0.8)], ids=str)
async def test_a_bandit_that_restarts_draws_at_once_as_it_has_learnt(
    desk: Desk, redis_url: str, connections: Connections, tmp_path: Path, learnt: tuple[float, float]
) -> None:
    """Already the first prediction: what was learnt is read before the port opens."""
    router = await desk.deploy("cancer", doctors(bandit={}))
    fence = Fence.of(partition_for(router.uid), "feedback", 1)
    await connections.steady.set(fence.key, fence.token)
    arms = [
        Arm(variant=one.id, probability=share) for one, share in zip(router.variants, learnt, strict=True)
    ]
    snapshot = RewardSnapshot(router_uid=router.uid, router=router.name, arms=arms)
    await SnapshotStore(connections).publish(snapshot, fence)
    async with running_router(redis_url, tmp_path / "again") as again:
        decision = (await again.predict("cancer")).manifest.decision
    found = {one.variant: one.probability for one in decision.candidates}
    assert found == pytest.approx({"cancer-bayes": learnt[0], "cancer-stump": learnt[1]})
