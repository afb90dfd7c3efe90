"""`python -m services.aggregator` as a process: it follows the catalog, serves without Redis, and drains."""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import InferRequest, InferResponse
from turnout.inference.v1.manifest_pb2 import OUTCOME_CONTRIBUTED, OUTCOME_SKIPPED
from turnout.router.v1.model_pb2 import Model

from examples.fleet.catalog import registration
from services.aggregator.servicer import AggregatorServicer
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state.configs import ConfigStore
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.kinds import MODELS
from tests.aggregator.conftest import patient, plan
from tests.fleet import fleet_model
from tests.waiting import eventually


class Aggregator(NamedTuple):
    """A running process."""

    process: asyncio.subprocess.Process
    client: Client
    metrics: str

    async def infer(self, *models: str, quorum: int = 1) -> InferResponse:
        infer = self.client.unary(AggregatorServicer.SERVICE, "Infer")
        reply: InferResponse = await infer(
            InferRequest(plan=plan(*models, quorum=quorum), input=patient()), timeout=20.0
        )
        return reply

    async def outcomes(self, *models: str) -> list[int]:
        return [each.outcome for each in (await self.infer(*models)).participants]


@asynccontextmanager
async def aggregator(redis_url: str, announcements: Path, **settings: str) -> AsyncIterator[Aggregator]:
    """Start one on a free port; it has ended when this block has."""
    told = {"REDIS_URL": redis_url, "PORT": "0", "METRICS_PORT": "0", **settings}
    environment = {**os.environ, **{f"TURNOUT_AGGREGATOR_{key}": value for key, value in told.items()}}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.aggregator", "--announce", str(announcements)), env=environment
    )
    file = announcements / "aggregator-0.json"

    def announced() -> bool:
        assert process.returncode is None
        return file.exists()

    try:
        await eventually(announced, within=60)
        said = json.loads(file.read_text())
        client = Client(said["address"])
        yield Aggregator(process, client, said["metrics"])
        await client.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def store(connections: Connections) -> ConfigStore[Model]:
    return ConfigStore(connections, MODELS, time.time, random.Random(1))


def patiently(name: str, address: str) -> Model:
    model = registration(name, address)
    model.timeout.FromSeconds(20)
    return model


async def test_models_are_asked_as_the_catalog_has_them_now(
    connections: Connections, redis_url: str, tmp_path: Path
) -> None:
    models = store(connections)
    async with fleet_model("cancer-bayes") as bayes, fleet_model("cancer-stump") as stump:
        await models.create(patiently("cancer-bayes", bayes.address))
        async with aggregator(redis_url, tmp_path) as running:
            jury = ("cancer-bayes", "cancer-stump")
            assert await running.outcomes(*jury) == [OUTCOME_CONTRIBUTED, OUTCOME_SKIPPED]
            await models.create(patiently("cancer-stump", stump.address))

            async def both() -> bool:
                return await running.outcomes(*jury) == [OUTCOME_CONTRIBUTED, OUTCOME_CONTRIBUTED]

            await eventually(both)
            await models.delete("models/cancer-bayes")

            async def one() -> bool:
                return await running.outcomes(*jury) == [OUTCOME_SKIPPED, OUTCOME_CONTRIBUTED]

            await eventually(one)


async def test_the_metrics_page_tells_each_members_latency(
    connections: Connections, redis_url: str, tmp_path: Path
) -> None:
    async with fleet_model("cancer-bayes") as bayes:
        await store(connections).create(patiently("cancer-bayes", bayes.address))
        async with aggregator(redis_url, tmp_path) as running, aiohttp.ClientSession() as session:
            await running.infer("cancer-bayes")
            async with session.get(running.metrics) as page:
                text = await page.text()
    assert 'ensemble_model_latency_ms_count{model="models/cancer-bayes"} 1.0' in text


async def test_juries_go_on_while_redis_is_away(tmp_path: Path, redis_server: EmbeddedRedis) -> None:
    async with fleet_model("cancer-bayes") as bayes:
        async with connect(redis_server.url) as connections:
            await store(connections).create(patiently("cancer-bayes", bayes.address))
        async with aggregator(redis_server.url, tmp_path) as running:
            redis_server.signal(signal.SIGSTOP)
            try:
                for _ in range(20):
                    assert await running.outcomes("cancer-bayes") == [OUTCOME_CONTRIBUTED]
                reply = await running.infer("cancer-bayes", "nobody")
                assert reply.participants[1].outcome == OUTCOME_SKIPPED
            finally:
                redis_server.signal(signal.SIGCONT)


async def test_with_a_dead_redis_at_start_it_says_what_it_cannot_know(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    url = f"redis://127.0.0.1:{unused_tcp_port}/0"
    async with aggregator(url, tmp_path, CATALOG_SECONDS="0.1") as running:
        with pytest.raises(RemoteError) as caught:
            await running.infer("cancer-bayes")
    assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "STATE_UNAVAILABLE")
    assert caught.value.message == "the registered models have not been read yet"


async def test_a_jury_in_session_ends_before_the_process_does(
    connections: Connections, redis_url: str, tmp_path: Path
) -> None:
    async with fleet_model("cancer-bayes", "hang") as bayes:
        await store(connections).create(patiently("cancer-bayes", bayes.address))
        async with aggregator(redis_url, tmp_path) as running:
            asking = asyncio.ensure_future(running.infer("cancer-bayes"))
            await eventually(lambda: bayes.in_flight == 1)
            running.process.terminate()
            bayes.faults.set("ok")
            assert (await asking).participants[0].outcome == OUTCOME_CONTRIBUTED
            assert await running.process.wait() == 0
