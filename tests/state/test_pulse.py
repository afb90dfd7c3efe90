"""A process shows whether its Redis answers, and what its memory is."""

import random

import pytest
from redis.exceptions import ResponseError

from services.foundation.metrics import Metrics
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.pulse import Pulse
from tests.state.background import running
from tests.waiting import eventually


def test_nothing_is_shown_before_it_was_asked() -> None:
    metrics = Metrics()
    Pulse(connect("redis://127.0.0.1:1/0"), metrics.standing, random.Random(1))
    assert metrics.registry.get_sample_value("turnout_redis_up") is None


async def test_a_redis_that_dies_is_down_until_it_is_back(redis_server: EmbeddedRedis) -> None:
    metrics = Metrics()
    async with connect(redis_server.url) as connections:
        pulse = Pulse(connections, metrics.standing, random.Random(1), seconds=0.05)

        def up() -> float | None:
            return metrics.registry.get_sample_value("turnout_redis_up")

        def used() -> float | None:
            return metrics.registry.get_sample_value("turnout_redis_memory_bytes", {"kind": "used"})

        async with running(pulse.run()):
            await eventually(lambda: up() == 1 and (used() or 0) > 500_000)
            await redis_server.kill()
            await eventually(lambda: up() == 0 and used() is None)
            assert metrics.registry.get_sample_value("turnout_redis_ping_seconds") is None
            await redis_server.start()
            await eventually(lambda: up() == 1)


async def test_a_redis_that_forbids_info_is_up_all_the_same(connections: Connections) -> None:
    metrics = Metrics()
    await connections.steady.acl_setuser(
        "pulse", enabled=True, nopass=True, commands=["+ping", "-info"], keys=["*"]
    )
    url = connections.url.replace("redis://", "redis://pulse:any@")
    async with (
        connect(url) as limited,
        running(Pulse(limited, metrics.standing, random.Random(1), seconds=0.05).run()),
    ):
        await eventually(lambda: metrics.registry.get_sample_value("turnout_redis_up") == 1)
        with pytest.raises(ResponseError):
            await limited.steady.info("memory")
        assert metrics.registry.get_sample_value("turnout_redis_memory_bytes", {"kind": "used"}) is None
    await connections.steady.acl_deluser("pulse")
