"""The drift process: starts, answers, survives kill -9 without counting twice, and drains on SIGTERM."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from turnout.drift.v1 import analysis_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.drift.consumer import GROUP
from services.foundation.client import Client
from services.state import keys
from services.state.connection import Connections
from services.state.group import Group
from services.state.logged import Logged
from services.state.streams import EVENTS
from tests.drift.conftest import creation
from tests.drift.traffic import PARTITION, append
from tests.waiting import eventually

SIZE = 20
Start = Callable[[], Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def start(redis_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a drift process; whatever still runs at the end is killed."""
    started: list[asyncio.subprocess.Process] = []
    quiet = {
        "TURNOUT_DRIFT_PORT": "0",
        "TURNOUT_DRIFT_METRICS_PORT": "0",
        "TURNOUT_DRIFT_REDIS_URL": redis_url,
    }

    async def begin() -> asyncio.subprocess.Process:
        told = ["-m", "services.drift", "--announce", str(tmp_path)]
        process = await asyncio.create_subprocess_exec(sys.executable, *told, env=os.environ | quiet)
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def announced(directory: Path, pid: int, what: str = "address") -> str:
    """Where the process answers, or shows its `metrics`, once it does."""

    def look() -> str:
        found = [json.loads(path.read_text()) for path in directory.glob("*.json")]
        return next((str(one[what]) for one in found if one.get("pid") == pid), "")

    return await eventually(look, within=30)


async def ask(address: str, method: str, request: Any) -> Any:
    client = Client(address)
    try:
        return await client.unary("turnout.drift.v1.DriftService", method)(request, timeout=10)
    finally:
        await client.close()


async def test_every_prediction_counts_once_although_its_reader_is_killed_again_and_again(
    connections: Connections, model: Model, start: Start, tmp_path: Path
) -> None:
    group = Group(connections, GROUP, EVENTS)
    process = await start()
    await ask(await announced(tmp_path, process.pid), "CreateBaseline", creation())
    batches = iter(range(1, 200))
    for _ in range(2):
        async with asyncio.TaskGroup() as meanwhile:
            meanwhile.create_task(feed(connections, [next(batches) for _ in range(60)]))
            before = await done(connections)
            await eventually(partial(_further, connections, before), within=30)
            process.kill()
            await process.wait()
        process = await start()
    address = await announced(tmp_path, process.pid)
    await eventually(lambda: _nothing_left(group), within=30)
    page = await announced(tmp_path, process.pid, "metrics")
    await eventually(lambda: _shown(page, 'turnout_partitions_owned{group="drift"} 64.0'))
    lag = f'turnout_consumer_lag_events{{group="drift",partition="{PARTITION}",stream="events"}} 0.0'
    await eventually(lambda: _shown(page, lag), within=20)
    result = (await ask(address, "Analyze", rpc.AnalyzeRequest(model="churn"))).result
    assert result.rows == 120 * SIZE
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await process.wait() == 0


async def feed(connections: Connections, sequences: list[int]) -> None:
    for sequence in sequences:
        await append(connections, sequence, SIZE)


async def done(connections: Connections) -> int:
    """Entries that the group has done."""
    found: Any = await connections.steady.hget(keys.totals(keys.events(PARTITION)), f"done:{GROUP}")
    return int(found or 0)


async def _shown(page: str, line: str) -> bool:
    # Our own URL, on loopback.
    said: bytes = await asyncio.to_thread(lambda: urlopen(page, timeout=5).read())  # noqa: S310
    return line in said.decode()


async def _further(connections: Connections, before: int) -> bool:
    return await done(connections) > before


async def _nothing_left(group: Group[Logged]) -> bool:
    return not await group.lag()
