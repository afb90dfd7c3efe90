"""What docs/operations/redis.md says of a Cluster, on three real servers. Only by `make observability`."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from turnout.router.v1 import router_service_pb2 as rpc

from examples.demo.rows import Supply
from services.foundation.client import Client
from services.state import keys
from services.state.connection import Connections, connect
from services.state.errors import StateUnavailable
from services.state.heartbeats import Heartbeats, Replica
from services.state.ids import PARTITIONS
from services.state.truth import TruthLog
from tests.observability.redis_servers import cluster
from tests.observability.traffic import ROUTERS, happen
from tests.state.groups import Member, append, members
from tests.state.test_truth import RETENTION, labels, truth
from tests.stories.asking import ROUTERS as SERVICE
from tests.stories.asking import SECONDS, arms, predict, tell
from tests.stories.suite import Suite, starting
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not os.environ.get("OBSERVABILITY_NEEDED"), reason="make observability")


@pytest.fixture
async def clustered(tmp_path: Path) -> AsyncIterator[Connections]:
    async with cluster(tmp_path) as url, connect(url, hot_seconds=1.0) as connections:
        yield connections


def read(one: Member, partition: int) -> bool:
    return one.sequences(partition) == [1, 2]


async def test_partitions_are_led_read_and_reported(clustered: Connections) -> None:
    one = Member(clustered, "a")
    async with members(one):
        # Slots of all three servers: leases, reads and commits are scripts in each.
        for partition in range(8):
            await append(clustered, partition, 1, 2)
            await eventually(partial(read, one, partition), within=30)
    beats = Heartbeats(clustered)
    await beats.beat(Replica("here", generations={"routers/r": 3}))
    (replica,) = await beats.live(None)
    assert replica.generations == {"routers/r": 3}


async def test_what_is_sent_together_is_written_in_its_order(clustered: Connections) -> None:
    told = [f"label {number:02}" for number in range(30)]
    await TruthLog(clustered).append_all([truth(one, 10, one) for one in told], RETENTION)
    assert await labels(clustered) == told


async def test_a_server_that_hesitates_is_unavailable_and_nothing_else(tmp_path: Path) -> None:
    """Its client closes connections to it, some of which others have just taken."""
    loop, told = asyncio.get_running_loop(), Counter[str]()
    async with cluster(tmp_path) as url, connect(url) as connections:
        end = loop.time() + 6

        async def ask(turn: int) -> None:
            while loop.time() < end:
                try:
                    await connections.hot.get(keys.arms(turn % PARTITIONS, "nobody", ""))
                    told["answered"] += 1
                except StateUnavailable:
                    told["unavailable"] += 1
                await asyncio.sleep(0.001 * (turn % 7))

        async def hesitate() -> None:
            server: Any = Redis(port=int(url.rpartition(":")[2]))
            async with server:
                while loop.time() < end:
                    await server.execute_command("CLIENT", "PAUSE", 120)
                    await asyncio.sleep(0.3)

        await asyncio.gather(hesitate(), *(ask(turn) for turn in range(128)))
    assert min(told["answered"], told["unavailable"]) > 0


async def serving(client: Client, router: str) -> bool:
    """Whether both workers say so."""
    asked = rpc.ListReplicasRequest(router=router)
    found = await client.unary(SERVICE, "ListReplicas")(asked, timeout=SECONDS)
    return [one.generations[router] for one in found.replicas] == [1, 1]


async def test_a_whole_suite_routes_learns_and_watches(tmp_path: Path) -> None:
    """Predictions, labels, an ejection, logged predictions and analyses: all that dashboards are fed with."""
    for name in ("servers", "suite"):
        (tmp_path / name).mkdir()
    async with (
        cluster(tmp_path / "servers") as url,
        starting(
            tmp_path / "suite", "--ephemeral", "--fleet", REDIS_URL=url, TURNOUT_ROUTER_WORKERS="2"
        ) as suite,
    ):
        await suite.until_ready()
        await happen(suite)
        for router in ROUTERS:
            await eventually(partial(serving, suite.client("router"), router.name), within=20)
        await learns(suite)


async def learns(suite: Suite) -> None:
    """A label of a bandit's prediction is a reward a moment later."""
    bandit, feedback = ROUTERS[0].name, suite.client("feedback")
    before = sum(arm.rewards for arm in (await arms(feedback, bandit)).values())
    reply = await predict(suite.client("router"), bandit, Supply("digits", 60).take())
    await tell(feedback, reply.prediction_id, reply.output.classification.label)

    async def counted() -> bool:
        return bool(sum(arm.rewards for arm in (await arms(feedback, bandit)).values()) > before)

    await eventually(counted, within=30)
