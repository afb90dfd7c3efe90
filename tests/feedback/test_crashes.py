"""Acknowledged feedback survives the death of Redis and of processes, and counts exactly once."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from turnout.inference.v1.event_pb2 import Truth

from services.foundation.errors import RemoteError
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis
from tests.feedback.conftest import Setting, served
from tests.waiting import eventually


async def refused(setting: Setting, prediction: str) -> RemoteError:
    with pytest.raises(RemoteError) as raised:
        await setting.give(prediction, reward=1)
    return raised.value


async def test_a_dead_redis_is_said_and_what_was_acknowledged_is_there_when_it_is_back(
    redis_server: EmbeddedRedis,
) -> None:
    async with connect(redis_server.url, hot_seconds=1.0) as connections, served(connections) as setting:
        known = [await setting.predict() for _ in range(6)]
        early = setting.event("b")
        for prediction in known[:5]:
            await setting.give(prediction, reward=1)
        await setting.give(early.manifest.prediction_id, reward=0.5)
        await redis_server.kill()
        error = await refused(setting, known[5])
        assert (error.code, error.reason) == ("UNAVAILABLE", "STATE_UNAVAILABLE")
        assert "state store cannot be reached" in error.message
        await redis_server.start()
        await eventually(lambda: _answers(setting))
        # Whoever got no answer says it again; whoever got one may as well.
        for prediction in (*known, early.manifest.prediction_id):
            await setting.give(prediction, reward=0.5 if prediction == early.manifest.prediction_id else 1)
        await setting.record(early)
        async with setting.background():
            await eventually(lambda: _rewards(setting, "b", 1))
        assert (await setting.arm("a")).rewards == 6
        assert (await setting.arm("b")).mean == 0.5


async def _answers(setting: Setting) -> bool:
    """Whether the service has found its Redis again."""
    try:
        await setting.rewards()
    except RemoteError:
        return False
    return True


async def _rewards(setting: Setting, variant: str, rewards: int) -> bool:
    return (await setting.arm(variant)).rewards == rewards


@asynccontextmanager
async def process(url: str, announce: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A feedback process of its own, running until it is killed."""
    told = {"REDIS_URL": url, "PORT": "0", "METRICS_PORT": "0"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")}
    environment |= {f"TURNOUT_FEEDBACK_{key}": value for key, value in told.items()}
    command = [sys.executable, "-m", "services.feedback", "--announce", str(announce)]
    made = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        await eventually(lambda: list(announce.glob("*.json")), within=60)
        yield made
    finally:
        if made.returncode is None:
            made.kill()
        await made.wait()


async def test_processes_that_are_killed_in_the_middle_lose_and_double_nothing(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    """Truth goes in while one owner after the other is killed; the last one finishes the work."""
    announcements = [tmp_path / str(number) for number in range(3)]
    for announce in announcements:
        announce.mkdir()
    async with connect(redis_server.url, hot_seconds=1.0) as connections, served(connections) as setting:
        rounds, each = len(announcements), 40
        for number, announce in enumerate(announcements):
            async with process(redis_server.url, announce) as running:
                for _ in range(each):
                    event = setting.event("a", "yes")
                    await setting.log(event)
                    await setting.record(event)
                    await setting.give(event.manifest.prediction_id, truth=Truth(label="yes"))
                if number < rounds - 1:
                    running.send_signal(signal.SIGKILL)
                    continue
                await eventually(lambda: _rewards(setting, "a", rounds * each), within=30)
                await eventually(lambda: _pulls(setting, rounds * each), within=30)
                running.terminate()
                assert await running.wait() == 0
        arm = await setting.arm("a")
        assert (arm.rewards, arm.pulls, arm.mean) == (rounds * each, rounds * each, 1)


async def _pulls(setting: Setting, pulls: int) -> bool:
    return (await setting.arm("a")).pulls == pulls
