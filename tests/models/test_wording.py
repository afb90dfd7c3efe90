"""Connections that fail are told in plain words, and models that speak for themselves in theirs."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse

from services.foundation import wording
from services.foundation.wording import plain
from services.models.answer import Failure
from tests.fleet import scripted_model
from tests.models.example import churn, open_pool, record
from tests.waiting import eventually

SETTINGS = bytes.fromhex("000000040000000000")
NEVER = "failed to connect to all addresses"
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak HTTP/2 until the question has come, and then no more."""
    writer.write(SETTINGS)
    await asked(reader)
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(SETTINGS)
    await asked(reader)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def asked(reader: asyncio.StreamReader) -> None:
    """The head of the call stands in what the client sends once it has our settings."""
    seen = b""
    while b"application/grpc" not in seen and b"ModelInfer" not in seen:
        seen += await reader.read(65_536)


async def told_by(address: str) -> Failure:
    model = churn()
    model.timeout.FromSeconds(10)
    model.endpoints[0].address = address
    async with open_pool() as pool:
        handle = pool.open(model)
        question = handle.prepare(record(amount=1.0, age=None, contract="monthly", loyal=True))
        result = await handle.call(question, 10.0)
    assert isinstance(result, Failure)
    return result


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        (hang_up, "the connection was closed before it had answered"),
        (reset, "it reset the connection"),
        (speak_http, "it does not speak gRPC"),
    ],
)
async def test_what_happened_is_told_in_plain_words(peer: Peer, said: str) -> None:
    server = await asyncio.start_server(peer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        failure = await told_by(f"127.0.0.1:{port}")
    assert (failure.kind, failure.code, failure.message) == ("FAILED", "UNAVAILABLE", said)


async def test_a_server_that_ends_under_a_call_is_told_so() -> None:
    async def never(_request: ModelInferRequest) -> ModelInferResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with scripted_model("churn", never) as server:
        calling = asyncio.ensure_future(told_by(server.address))
        await eventually(lambda: server.in_flight == 1)
        await server.drain(grace=0)
        failure = await calling
    assert failure.code == "UNAVAILABLE"
    assert failure.message in {said for _, said in wording._CORE}


def test_a_models_own_words_stay_its_own() -> None:
    said = "my database: Connection refused; upstream Socket closed"
    assert plain(said) == said


@pytest.mark.parametrize(
    "raw",
    [
        f"{NEVER}; last error: UNKNOWN: ipv4:10.0.0.7:8001: connect: No route to host (113)",
        "connections to all backends failing; last error: UNKNOWN: ipv4:10.0.0.7:8001: Connection refused",
        "errors resolving models.internal:99: [field:hostname lookup error:address lookup failed]",
        "DNS resolution failed for models.internal:8001: C-ares status is not ARES_SUCCESS",
        f"{NEVER}; last error: UNAVAILABLE: ipv4:10.0.0.7:8001: connection attempt timed out",
        "recvmsg:Connection reset by peer (104)",
        "Connection reset by peer, peer 10.0.0.7",
        "Error in HTTP transport completing operation: peer_address=ipv4:10.0.0.7:8001 (Socket closed)",
    ],
)
def test_no_address_is_told(raw: str) -> None:
    assert plain(raw) != raw
    assert not any(one in plain(raw) for one in ("10.0.0.7", "ipv4", "models.internal"))
