"""Messages over the limit, in both directions: refused with the reason, and the next one is served."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.server import Server
from services.foundation.sizes import HEADROOM
from tests.foundation.conftest import Start
from tests.foundation.echo import SERVICE, Echo, Words

LIMIT = 2048
# What a text of n bytes (128 to 16383 of them) takes beside itself: a tag and two bytes of length.
FRAME = 3


def words(size: int) -> Words:
    """A message of exactly `size` bytes."""
    made = Words(text="x" * (size - FRAME))
    assert made.ByteSize() == size
    return made


@pytest.fixture
async def server(start: Start) -> Server:
    return await start(message_bytes=LIMIT)


@pytest.fixture
def client(server: Server, connect: Callable[..., Client]) -> Client:
    """A client that would read whatever it is sent: what is refused, the server refuses."""
    return connect(server, message_bytes=1 << 20)


def check(error: RemoteError, size: int) -> None:
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert error.message == (
        f"turnout.test.v1.Words has {size} bytes; at most {LIMIT} are accepted (the setting message_bytes)"
    )
    assert error.facts["bytes"] == str(size)
    assert error.facts["limit"] == str(LIMIT)
    assert error.facts["type"] == "turnout.test.v1.Words"
    assert error.retry_after is None


async def test_a_request_of_the_limit_is_served_and_one_byte_more_is_refused(
    client: Client, echo: Echo
) -> None:
    say = client.unary(SERVICE, "Say")
    assert (await say(words(LIMIT), timeout=5)).ByteSize() == LIMIT
    with pytest.raises(RemoteError) as caught:
        await say(words(LIMIT + 1), timeout=5)
    check(caught.value, LIMIT + 1)
    assert len(echo.calls) == 1
    assert (await say(words(LIMIT), timeout=5)).ByteSize() == LIMIT


async def test_raw_methods_have_the_same_limit(client: Client) -> None:
    call = client.unary(SERVICE, "Raw", raw=True)
    assert len(await call(bytes(LIMIT), timeout=5)) == LIMIT
    with pytest.raises(RemoteError) as caught:
        await call(bytes(LIMIT + 1), timeout=5)
    check(caught.value, LIMIT + 1)


async def test_one_message_of_a_stream_over_the_limit_is_refused(client: Client) -> None:
    with pytest.raises(RemoteError) as caught:
        await client.upload(SERVICE, "Join")([words(200), words(LIMIT + 1)], timeout=5)
    check(caught.value, LIMIT + 1)


async def test_a_reply_over_the_limit_is_refused(client: Client, server: Server) -> None:
    join = client.upload(SERVICE, "Join")
    half = (LIMIT - FRAME - 1) // 2
    fits = [Words(text="x" * half), Words(text="y" * half)]
    assert (await join(fits, timeout=5)).ByteSize() == LIMIT
    with pytest.raises(RemoteError) as caught:
        await join([*fits, Words()], timeout=5)
    check(caught.value, LIMIT + 1)
    labels = {"method": f"{SERVICE}/Join", "code": "RESOURCE_EXHAUSTED"}
    assert server.metrics.registry.get_sample_value("turnout_rpc_total", labels) == 1


async def test_far_beyond_the_limit_the_transport_hangs_up_by_itself(server: Server, client: Client) -> None:
    """It must not hold any amount of bytes only to be polite: no reason, and the next request is served."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        say: Any = channel.unary_unary(f"/{SERVICE}/Say")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await say(words(HEADROOM * LIMIT + 1).SerializeToString(), timeout=5)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(caught.value.trailing_metadata())
    with pytest.raises(RemoteError) as refused:
        await client.unary(SERVICE, "Say")(words(HEADROOM * LIMIT), timeout=5)
    check(refused.value, HEADROOM * LIMIT)
    assert (await client.unary(SERVICE, "Say")(words(LIMIT), timeout=5)).ByteSize() == LIMIT
