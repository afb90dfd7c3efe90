"""Predictions and Redis: none waits for it, none fails without it, and commands follow batches."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from redis.asyncio import Redis
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.router.v1 import inference_service_pb2 as rpc

from examples.fleet.catalog import registration
from examples.fleet.classifier import ServedClassifier
from examples.fleet.faults import Faults
from examples.fleet.server import ModelServer
from examples.fleet.training import train
from services.foundation.errors import RemoteError
from services.state import keys
from services.state.embedded import EmbeddedRedis
from services.state.ids import partition_for
from tests.fleet import scripted_model
from tests.router.conftest import BAYES, Desk, doctors, running_router
from tests.thorough import cases
from tests.waiting import eventually

PREDICTIONS = cases(2_000, 10_000)
IN_FLIGHT = 64


@asynccontextmanager
async def of_few_words(name: str) -> AsyncIterator[ModelServer]:
    """A model of the fleet that computes one answer and gives it again: here Redis is asked, and not the
    model."""
    served, kept = ServedClassifier(name, Faults(), train(name)), list[ModelInferResponse]()

    async def answer(request: ModelInferRequest) -> ModelInferResponse:
        if not kept:
            kept.append(await served.infer(request))
        return kept[0]

    async with scripted_model(name, answer) as server:
        yield server


@pytest.fixture
async def alone(redis_server: EmbeddedRedis, tmp_path: Path) -> AsyncIterator[Desk]:
    """A router on a Redis of its own, which the test may stop."""
    async with (
        running_router(redis_server.url, tmp_path) as opened,
        of_few_words("cancer-bayes") as bayes,
        of_few_words("cancer-stump") as stump,
    ):
        for name, server in {"cancer-bayes": bayes, "cancer-stump": stump}.items():
            await opened.register(registration(name, server.address))
        yield opened


async def _ask(desk: Desk, predictions: int) -> list[str]:
    """So many predictions, IN_FLIGHT at a time; their ids. Any failure is raised."""
    request = rpc.PredictRequest(router="cancer", manifest_view=rpc.MANIFEST_VIEW_NONE)
    request.input.tabular.numeric_features.update(BAYES)
    left, seen = iter(range(predictions)), list[str]()

    async def one_after_another() -> None:
        for _ in left:
            reply = await desk.call("InferenceService/Predict", request, within=30)
            seen.append(reply.prediction_id)

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(one_after_another())
    return seen


async def _logged(redis: Any, stream: str, many: int) -> list[str]:
    """Ids of the predictions in a stream, when there are so many or more. Each entry is read once."""
    found: list[str] = []
    last = "-"

    async def enough() -> bool:
        nonlocal last
        for entry, fields in await redis.xrange(stream, min=last):
            batch = EventBatch.FromString(next(iter(fields.values())))
            found.extend(PredictionEvent.FromString(one).manifest.prediction_id for one in batch.predictions)
            last = f"({entry.decode()}"
        return len(found) >= many

    await eventually(enough, within=60)
    return found


@pytest.mark.timeout(300)
async def test_all_predictions_while_redis_is_stopped_succeed_and_are_logged_once(
    alone: Desk, redis_server: EmbeddedRedis
) -> None:
    deployed = await alone.deploy("cancer", doctors())
    assert redis_server.pid is not None
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        ids = await _ask(alone, PREDICTIONS)
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)
    assert len(set(ids)) == PREDICTIONS
    partition = partition_for(deployed.uid)
    async with Redis.from_url(redis_server.url) as redis:
        assert sorted(await _logged(redis, keys.events(partition), PREDICTIONS)) == sorted(ids)


async def test_redis_sees_batches_and_not_predictions(alone: Desk, redis_server: EmbeddedRedis) -> None:
    deployed = await alone.deploy("cancer", doctors())
    stream, clock = keys.events(partition_for(deployed.uid)), asyncio.get_running_loop().time
    async with Redis.from_url(redis_server.url) as redis:
        before, started = (await redis.info("stats"))["total_commands_processed"], clock()
        ids = await _ask(alone, 1_000)
        assert len(await _logged(redis, stream, len(ids))) == len(ids)
        took = clock() - started
        commands = (await redis.info("stats"))["total_commands_processed"] - before
        batches = await redis.xlen(stream)
    # One batch each 20 ms, or per 256 events.
    assert batches <= took / 0.02 + len(ids) / 256 + 1
    # A batch is one script of at most 10 commands; heartbeats, polls and this test's looks go by the second.
    assert commands <= 11 * batches + 100 * took + 50


async def test_a_management_call_without_redis_fails_clearly_and_predictions_go_on(
    alone: Desk, redis_server: EmbeddedRedis
) -> None:
    await alone.deploy("cancer", doctors())
    await redis_server.kill()
    with pytest.raises(RemoteError) as caught:
        await alone.create("other", doctors())
    assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "STATE_UNAVAILABLE")
    assert (await alone.predict("cancer")).prediction_id
    await redis_server.start()
    created = await eventually(lambda: _created(alone), within=30)
    assert created


async def _created(desk: Desk) -> bool:
    try:
        return bool((await desk.create("other", doctors())).uid)
    except RemoteError as error:
        return error.reason == "NAME_TAKEN"


async def test_a_router_that_starts_without_redis_serves_as_soon_as_it_is_there(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    async with running_router(redis_server.url, tmp_path) as desk:
        await desk.seat("cancer-bayes", "cancer-stump")
        await desk.deploy("cancer", doctors())
        await redis_server.kill()
        async with AsyncExitStack() as stack:
            begun = asyncio.create_task(
                stack.enter_async_context(running_router(redis_server.url, tmp_path / "second"))
            )
            # It neither fails nor serves: whoever asks its health finds no server yet.
            done, _ = await asyncio.wait({begun}, timeout=1.5)
            assert not done
            await redis_server.start()
            second = await begun
            assert (await second.predict("cancer")).prediction_id
