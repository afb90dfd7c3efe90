"""Models that fail, hang, reset and recover, behind a real router; and a second router in its own process."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from turnout.inference.v1.manifest_pb2 import Decision
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from examples.fleet.catalog import registration
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state import keys
from services.state.connection import Connections
from services.state.ejections import Ejections
from services.state.failures import MappedRedis
from tests.fleet import fleet_model
from tests.router.conftest import BAYES, Desk, doctors, running_router
from tests.waiting import eventually

# Two doctors: the one that falls ill, and the one that stays well.
SICK, WELL = "cancer-stump", "cancer-bayes"
LONG = 60.0


def seconds(value: float) -> Duration:
    made = Duration()
    made.FromNanoseconds(int(value * 1e9))
    return made


def watched(name: str, address: str, base: float, **detection: Any) -> Model:
    model = registration(name, address)
    model.outlier_detection.base_ejection_time.CopyFrom(seconds(base))
    model.outlier_detection.max_ejection_time.CopyFrom(seconds(detection.pop("longest", 2 * base)))
    return model


@asynccontextmanager
async def practice(
    redis_url: str, folder: Path, base: float, patience: float = 10.0, **detection: Any
) -> AsyncIterator[Desk]:
    """A router over two doctors who, once ejected, are out for `base` seconds."""
    async with (
        running_router(redis_url, folder) as desk,
        fleet_model(SICK) as sick,
        fleet_model(WELL) as well,
    ):
        desk.servers = {SICK: sick, WELL: well}
        await desk.register(watched(SICK, sick.address, base, **detection), patience)
        await desk.register(registration(WELL, well.address))
        await desk.deploy("cancer", doctors())
        yield desk


async def explained(desk: Desk) -> Decision:
    reply = await desk.call("InferenceService/Explain", rpc.ExplainRequest(router="cancer"))
    decision: Decision = reply.decision
    return decision


async def share(desk: Desk, variant: str = SICK) -> float:
    return next(one.probability for one in (await explained(desk)).candidates if one.variant == variant)


async def ask(desk: Desk, **how: Any) -> str:
    """Ask; the variant that was drawn, or the reason of the error."""
    try:
        drawn: str = (await desk.predict("cancer", **how)).manifest.decision.variant
    except RemoteError as error:
        return error.reason
    return drawn


async def test_after_five_failures_in_a_row_nobody_is_sent_there(
    redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    """However many would have failed: a hundred predictions, of which fifty were its share."""
    async with practice(redis_url, tmp_path, LONG) as desk:
        desk.servers[SICK].faults.set("fail")
        seen = [await ask(desk) for _ in range(100)]
        assert seen.count("MODEL_FAILED") == desk.servers[SICK].calls == 5
        assert seen.count(WELL) == 95
        told = (await desk.predict("cancer")).manifest.decision
        assert (told.variant, told.propensity) == (WELL, 1.0)
        assert told.versions.health > 0
        (out,) = (one for one in told.candidates if not one.eligible)
        assert (out.variant, out.probability) == (SICK, 0.0)
        assert re.fullmatch(r"ejected until \d\d:\d\d:\d\d UTC: 5 failures in a row", out.reason)
        labels = {"model": f"models/{SICK}", "reason": "consecutive_failures"}
        registry = desk.metrics.registry
        assert registry.get_sample_value("turnout_model_ejections_total", labels) == 1
        assert registry.get_sample_value("turnout_model_ejected", {"model": f"models/{SICK}"}) == 1


@pytest.mark.parametrize("fault", ["hang", "reset"])
async def test_whoever_hangs_or_is_gone_is_ejected(
    redis_url: str, connections: Connections, tmp_path: Path, fault: str
) -> None:
    async with practice(redis_url, tmp_path, LONG, patience=0.2) as desk:
        if fault == "hang":
            desk.servers[SICK].faults.set("hang")
        else:
            await desk.servers[SICK].drain(grace=0)
        seen = [await ask(desk, variant=SICK) for _ in range(5)]
        assert set(seen) <= {"MODEL_TIMED_OUT", "MODEL_FAILED"}
        assert await share(desk) == 0.0


async def test_what_callers_do_wrong_ejects_nobody(
    redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    async with practice(redis_url, tmp_path, LONG) as desk:
        request = rpc.PredictRequest(router="cancer", variant=SICK)
        request.input.row.update(BAYES)
        desk.servers[SICK].faults.set("fail", code="INVALID_ARGUMENT")
        for _ in range(10):
            assert await ask(desk, variant=SICK) == "INPUT_REFUSED"
        # Ten callers with less time than it takes, and one who leaves.
        desk.servers[SICK].faults.set("hang")
        for _ in range(10):
            with pytest.raises(RemoteError):
                await desk.call("InferenceService/Predict", request, within=0.05)
        leaving = asyncio.ensure_future(desk.call("InferenceService/Predict", request))
        await eventually(lambda: desk.servers[SICK].in_flight == 1)
        leaving.cancel()
        await eventually(lambda: desk.servers[SICK].in_flight == 0)
        assert await share(desk) == 0.5


async def test_where_all_are_ejected_all_serve(
    redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    async with practice(redis_url, tmp_path, LONG) as desk:
        for name in (SICK, WELL):
            desk.servers[name].faults.set("fail")
            for _ in range(5):
                assert await ask(desk, variant=name) == "MODEL_FAILED"
        told = await explained(desk)
        assert [one.probability for one in told.candidates] == [0.5, 0.5]
        assert "health is ignored" in told.explanation
        desk.servers[WELL].faults.set("ok")
        assert WELL in [await ask(desk) for _ in range(20)]


async def test_who_recovers_is_tried_by_one_request_and_then_serves_again(
    redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    async with practice(redis_url, tmp_path, 0.5) as desk:
        server = desk.servers[SICK]
        server.faults.set("fail")
        for _ in range(5):
            assert await ask(desk, variant=SICK) == "MODEL_FAILED"
        assert await share(desk) == 0.0
        # From now on it answers, once the test has looked who else came.
        server.faults.set("hang")
        before, most = server.calls, 0
        asked = [asyncio.ensure_future(ask(desk)) for _ in range(8)]

        async def tried() -> bool:
            asked.append(asyncio.ensure_future(ask(desk)))
            return server.calls > before

        await eventually(tried, within=20)
        for _ in range(40):
            asked.append(asyncio.ensure_future(ask(desk)))
            await asyncio.wait([asked[-1]], timeout=0.05)
            most = max(most, server.in_flight)
        assert most == 1
        assert server.calls == before + 1
        server.faults.set("ok")
        assert set(await asyncio.gather(*asked)) == {SICK, WELL}

        async def back() -> bool:
            return await share(desk) == 0.5

        assert await eventually(back)


async def test_who_stays_ill_stays_out_for_longer_each_time(
    redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    async with practice(redis_url, tmp_path, 0.2, longest=0.5) as desk:
        desk.servers[SICK].faults.set("fail")
        read, expiries = Ejections(connections, "the test"), list[int]()

        async def ejected_again() -> bool:
            await ask(desk)
            entries = (await read.read())[1]
            expiries.extend(entry.expires for entry in entries)
            return any(entry.number >= 4 for entry in entries)

        await eventually(ejected_again, within=30)
        assert expiries == sorted(expiries)
        (entry,) = (await read.read())[1]
        assert (entry.reason, entry.out) == ("its probe failed", True)
        # Three times 0.2 s would be more than the longest, of which telling Redis takes a little.
        assert 400 < entry.span <= 500
        # Five that ejected it, and one probe for each time that it was ejected again.
        assert desk.servers[SICK].calls == 5 + entry.number - 1


@asynccontextmanager
async def process(redis_url: str, folder: Path) -> AsyncIterator[Client]:
    """Another router, in a process of its own."""
    told = {"REDIS_URL": redis_url, "PORT": "0", "METRICS_PORT": "0", "SPOOL_DIR": str(folder / "spool")}
    environment = {**os.environ, **{f"TURNOUT_ROUTER_{key}": value for key, value in told.items()}}
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.router", "--announce", str(folder)), env=environment
    )
    file = folder / "router-0.json"

    def announced() -> bool:
        assert running.returncode is None
        return file.exists()

    try:
        await eventually(announced, within=60)
        client = Client(json.loads(file.read_text())["address"])
        yield client
        await client.close()
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()


async def test_one_process_sees_the_failures_and_the_other_stops_calling(
    redis_url: str, connections: Connections, redis: MappedRedis, tmp_path: Path
) -> None:
    async with practice(redis_url, tmp_path / "here", LONG) as desk, process(redis_url, tmp_path) as other:
        explain = other.unary("turnout.router.v1.InferenceService", "Explain")

        async def shares() -> list[float]:
            reply = await explain(rpc.ExplainRequest(router="cancer"), timeout=20.0)
            return [one.probability for one in reply.decision.candidates]

        assert await shares() == [0.5, 0.5]
        desk.servers[SICK].faults.set("fail")
        for _ in range(5):
            assert await ask(desk, variant=SICK) == "MODEL_FAILED"

        async def stopped() -> bool:
            return await shares() == [1.0, 0.0]

        assert await eventually(stopped)
        # And it is not called: what came before was ours.
        predict = other.unary("turnout.router.v1.InferenceService", "Predict")
        request = rpc.PredictRequest(router="cancer")
        request.input.row.update(BAYES)
        for _ in range(20):
            assert (await predict(request, timeout=20.0)).manifest.decision.variant == WELL
        assert desk.servers[SICK].calls == 5
        assert await redis.hlen(keys.ejections()) == 1
