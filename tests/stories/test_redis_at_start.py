"""Services that start before their Redis: none pretends to serve, all say why, and serve once it is there."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from turnout.drift.v1 import baseline_rpc_pb2 as drift
from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.router.v1 import router_service_pb2 as router

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state.embedded import EmbeddedRedis
from tests.waiting import eventually


class Question(NamedTuple):
    """What a service is asked that has to look into Redis, and what it says of an empty one."""

    service: str
    method: str
    request: Any
    reason: str


QUESTIONS = {
    "router": Question(
        "turnout.router.v1.RouterService", "GetRouter", router.GetRouterRequest(name="x"), "ROUTER_NOT_FOUND"
    ),
    "feedback": Question(
        "turnout.feedback.v1.FeedbackService",
        "GetRewards",
        feedback.GetRewardsRequest(router="x"),
        "ROUTER_NOT_FOUND",
    ),
    "drift": Question(
        "turnout.drift.v1.DriftService",
        "ListBaselines",
        drift.ListBaselinesRequest(model="x"),
        "MODEL_NOT_FOUND",
    ),
}


@asynccontextmanager
async def started(name: str, url: str, port: int, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service as a process that logs JSON to `folder`; it has ended when this block has."""
    told = {"REDIS_URL": url, "PORT": str(port), "METRICS_PORT": "0", "LOG_FORMAT": "json"}
    ours = {key: value for key, value in os.environ.items() if not key.startswith("TURNOUT_")}
    ours |= {f"TURNOUT_{name.upper()}_{key}": value for key, value in told.items()}
    with (folder / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{name}", "--announce", str(folder)), env=ours, stderr=log
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def asked(port: int, question: Question) -> RemoteError:
    """What the service says, or what the transport says of one that does not listen."""
    client = Client(f"127.0.0.1:{port}", unretried=[question.service])
    try:
        with pytest.raises(RemoteError) as caught:
            await client.unary(question.service, question.method)(question.request, timeout=10)
        return caught.value
    finally:
        await client.close()


def announcements(folder: Path) -> list[Path]:
    """What a service that serves leaves for whoever waits."""
    return list(folder.glob("*.json"))


@pytest.mark.parametrize(("name", "question"), QUESTIONS.items(), ids=QUESTIONS)
async def test_a_service_waits_for_its_redis_and_then_serves(
    redis_server: EmbeddedRedis, tmp_path: Path, unused_tcp_port: int, name: str, question: Question
) -> None:
    await redis_server.kill()
    async with started(name, redis_server.url, unused_tcp_port, tmp_path) as process:
        await eventually(
            lambda: "the catalog is not followed now" in (tmp_path / "log").read_text(), within=60
        )
        error = await asked(unused_tcp_port, question)
        assert (error.code, error.reason) == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
        # Neither given up nor announced: whoever waits for it goes on waiting.
        assert process.returncode is None
        assert announcements(tmp_path) == []
        await redis_server.start()
        (announced,) = await eventually(lambda: announcements(tmp_path), within=60)
        assert json.loads(announced.read_text())["address"] == f"127.0.0.1:{unused_tcp_port}"

        async def served() -> bool:
            # The library knows the port as dead, and tries it again a moment later.
            return (await asked(unused_tcp_port, question)).reason == question.reason

        await eventually(served)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
