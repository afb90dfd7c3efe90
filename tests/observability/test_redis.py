"""What docs/operations/redis.md says of backups, restores and Sentinels is so, on real servers; its commands
are run as they stand. Only by `make observability`, which has redis-cli."""

import asyncio
import os
import random
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis
from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.router.v1 import router_service_pb2 as router

from examples.demo.rows import Supply
from services.cli.ports import FreePorts
from services.state.connection import connect
from services.state.embedded import find_binary
from services.state.errors import StateUnavailable
from services.state.failures import MappedRedis
from tests.observability.files import OPERATIONS
from tests.observability.redis_servers import servers
from tests.observability.traffic import ROUTERS
from tests.state.groups import Member, append, members
from tests.stories.asking import ROUTERS as SERVICE
from tests.stories.asking import SECONDS, arms, predict, tell
from tests.stories.suite import Suite, starting
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not os.environ.get("OBSERVABILITY_NEEDED"), reason="make observability")

BANDIT = ROUTERS[0].name
SENTINEL = """port {}
sentinel monitor mymaster 127.0.0.1 {} 1
sentinel down-after-milliseconds mymaster 500
sentinel failover-timeout mymaster 3000
"""


def commands(chapter: str) -> list[str]:
    """The shell blocks of a chapter of the page."""
    text = (OPERATIONS / "redis.md").read_text()
    (found,) = re.findall(rf"^## {chapter}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sh\n(.*?)^```", found, re.MULTILINE | re.DOTALL)


async def shell(block: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What the block prints. Every line must succeed."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-ec", block),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, f"{block}\n{said}"
    return said


@asynccontextmanager
async def restored(folder: Path, original: str) -> AsyncIterator[str]:
    """The URL of a server that was made of a backup, by the page's own commands."""
    port = str(FreePorts(random.Random()).take())
    told = {"REDIS_URL": original, "REDIS_SERVER": find_binary(), "PORT": port}
    (backup,) = commands("Backup")
    await shell(backup, folder, told)
    start, look = commands("Restore")
    await shell(start, folder, told)
    try:

        async def whole() -> bool:
            return "aof_rewrite_in_progress:0" in await shell(look, folder, told)

        await eventually(whole, within=30)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        await shell("redis-cli -p $PORT shutdown nosave", folder, told)


async def test_a_suite_goes_on_from_a_backup_of_another_that_runs(
    suite: Suite, prometheus: object, tmp_path: Path
) -> None:
    before = await predict(suite.client("router"), BANDIT, Supply("digits", 60).take())
    await tell(suite.client("feedback"), before.prediction_id, before.output.classification.label)
    asked = router.GetPredictionRequest(prediction_id=before.prediction_id)

    async def known(of: Suite) -> int:
        await of.client("router").unary(SERVICE, "GetPrediction")(asked, timeout=SECONDS)
        return sum(arm.rewards for arm in (await arms(of.client("feedback"), BANDIT)).values())

    rewards = await eventually(lambda: known(suite), within=30)
    async with restored(tmp_path, suite.ready["redis"]) as url:
        (tmp_path / "second").mkdir()
        async with starting(tmp_path / "second", "--ephemeral", REDIS_URL=url) as second:
            await second.until_ready()
            assert await eventually(lambda: known(second), within=30) == rewards
            after = await predict(second.client("router"), BANDIT, Supply("digits", 61).take())
            reply: feedback.RecordFeedbackResponse = await tell(
                second.client("feedback"), after.prediction_id, after.output.classification.label
            )
            assert reply.durability.startswith("appendfsync=")


async def followed(master: MappedRedis) -> bool:
    try:
        told = await master.info("replication")
    except StateUnavailable as early:
        raise AssertionError(str(early)) from None
    return bool(told["connected_slaves"] == 1 and told["slave0"]["state"] == "online")


async def knows_a_replica(sentinel: str) -> bool:
    async with Redis(port=int(sentinel), protocol=2, decode_responses=True) as watcher:
        return bool(await watcher.sentinel_slaves("mymaster"))


async def nobody_else_asks(sentinel: str) -> bool:
    async with Redis(port=int(sentinel), protocol=2, decode_responses=True) as watcher:
        return len(await watcher.client_list()) == 1


async def test_after_a_failover_sentinels_lead_to_the_new_master(tmp_path: Path) -> None:
    ports = FreePorts(random.Random())
    master, replica, sentinel = (str(ports.take()) for _ in range(3))
    (tmp_path / "sentinel.conf").write_text(SENTINEL.format(sentinel, master))
    plain = ["--save", "", "--appendonly", "yes"]
    async with servers(
        tmp_path,
        ["--port", master, *plain],
        ["--port", replica, *plain, "--replicaof", "127.0.0.1", master],
        [str(tmp_path / "sentinel.conf"), "--sentinel"],
    ) as (first, _, _):
        url = f"redis+sentinel://127.0.0.1:{sentinel}/mymaster"
        async with connect(url, hot_seconds=1.0) as connections:
            redis = connections.steady
            await eventually(partial(followed, redis), within=30)
            one = Member(connections, "a")
            async with members(one):
                await append(connections, 3, 1)
                await eventually(lambda: one.sequences(3) == [1], within=30)
                # What was not copied yet would be lost: the page says so.
                assert await redis.execute_command("WAIT", 1, 5000) == 1
                # A Sentinel asks for replicas every ten seconds: only then has it one to promote.
                await eventually(lambda: knows_a_replica(sentinel), within=40)
                first.kill()

                async def written() -> bool:
                    try:
                        await append(connections, 3, 2)
                    except StateUnavailable as away:
                        raise AssertionError(str(away)) from None
                    return True

                await eventually(written, within=60)
                await eventually(lambda: 2 in one.sequences(3), within=30)
        await eventually(lambda: nobody_else_asks(sentinel), within=10)
