"""A desk that proves of each refusal that it left nothing behind."""

import re
from collections.abc import Awaitable
from typing import Any, NamedTuple

import pytest
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers

from services.foundation.errors import RemoteError
from services.state import catalog_keys, keys
from services.state.failures import MappedRedis
from tests.router.conftest import Desk

OWN_NEWS = tuple(
    key.encode()
    for key in (keys.catalog_heartbeats(), keys.catalog_replicas(), catalog_keys.catalog_served(""))
)


class Told(NamedTuple):
    """What a caller is told of a refusal."""

    code: str
    reason: str
    fields: list[str]
    message: str


def told(error: RemoteError) -> Told:
    """The parts of an error that callers decide by."""
    return Told(error.code, error.reason, [one.field for one in error.fields], error.message)


async def stored(redis: MappedRedis) -> dict[bytes, bytes]:
    """Everything in Redis, byte by byte, but what replicas report of themselves every second."""
    client: Any = redis
    return {key: await client.dump(key) for key in await client.keys("*") if not key.startswith(OWN_NEWS)}


class Office:
    """Asks a desk, and looks into Redis before and after."""

    def __init__(self, desk: Desk, redis: MappedRedis) -> None:
        self.desk = desk
        self.redis = redis

    async def manage(self, method: str, **fields: Any) -> Any:
        """Call `Service/Method` of the router's management services with a request of these fields."""
        service, _, name = method.partition("/")
        messages = models if service == "ModelService" else routers
        return await self.desk.call(method, getattr(messages, f"{name}Request")(**fields))

    async def refuse(self, method: str, **fields: Any) -> Told:
        """The same, refused and without a trace."""
        return await self.refused(self.manage(method, **fields))

    async def refused(self, asking: Awaitable[Any]) -> Told:
        """What is told by a call that fails, once nothing in Redis has changed by it."""
        before = await stored(self.redis)
        with pytest.raises(RemoteError) as caught:
            await asking
        assert await stored(self.redis) == before
        return told(caught.value)


@pytest.fixture
def office(desk: Desk, redis: MappedRedis) -> Office:
    """A router, two doctors, and their Redis."""
    return Office(desk, redis)


def bare(message: str) -> str:
    """A message of a failed prediction without the id that it ends with."""
    return re.sub(r" \(prediction [0-9a-f-]{36}\)$", "", message)
