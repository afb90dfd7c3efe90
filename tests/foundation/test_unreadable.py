"""A reply that cannot be read is an error like any other, and no None that somebody trips over later."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.foundation.echo import POOL, SERVICE, Words

BROKEN = b"\xff\xff\xff"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Of a server that answers what is no message."""

    async def once(_request: bytes, _context: Any) -> bytes:
        return BROKEN

    async def many(_request: bytes, _context: Any) -> AsyncIterator[bytes]:
        yield Words(text="sound").SerializeToString()
        yield BROKEN

    handlers: Any = {
        "Say": grpc.unary_unary_rpc_method_handler(once),
        "Count": grpc.unary_stream_rpc_method_handler(many),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    client = Client(f"127.0.0.1:{port}", pool=POOL)
    yield client
    await client.close()
    await server.stop(None)


async def test_a_reply_that_is_none(client: Client) -> None:
    with pytest.raises(RemoteError) as told:
        await client.unary(SERVICE, "Say")(Words(text="a"), timeout=5)
    assert (told.value.code, told.value.reason) == ("INTERNAL", "UNREADABLE_REPLY")
    assert f"the reply of {SERVICE}/Say cannot be read" in told.value.message


async def test_one_of_many(client: Client) -> None:
    replies = client.stream(SERVICE, "Count")(Words(count=2), timeout=5)
    assert (await anext(replies)).text == "sound"
    with pytest.raises(RemoteError, match="cannot be read"):
        await anext(replies)
