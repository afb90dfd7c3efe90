"""What a client is told about a failure, over a real channel and byte by byte."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, Help
from google.rpc.status_pb2 import Status

from services.foundation import errors
from services.foundation.client import Client
from services.foundation.errors import (
    InvalidArgument,
    RemoteDeadlineExceeded,
    RemoteError,
    RemoteUnavailable,
    ResourceExhausted,
    TurnoutError,
    Unavailable,
)
from services.foundation.server import Server
from services.foundation.telemetry import Telemetry
from tests.foundation.conftest import LogLines, Start
from tests.foundation.echo import SERVICE, Echo, UnknownWord, Words

FAMILIES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, TurnoutError) and not issubclass(kind, RemoteError)
]


async def failure_of(client: Client, method: str = "Fail", **words: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await client.unary(SERVICE, method)(Words(**words), timeout=10)
    return caught.value


async def raw_failure(
    server: Server, method: str = "Fail", body: bytes = b"", metadata: tuple[tuple[str, str], ...] = ()
) -> grpc.aio.AioRpcError:
    """The failure as any other client sees it, without retries."""
    async with grpc.aio.insecure_channel(server.address, options=[("grpc.enable_retries", 0)]) as channel:
        send: Any = channel.unary_unary(f"/{SERVICE}/{method}")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await send(body, timeout=10, metadata=metadata)
        return caught.value


def trailer(failure: grpc.aio.AioRpcError, name: str) -> Any:
    return dict(failure.trailing_metadata()).get(name)


def details(failure: grpc.aio.AioRpcError) -> list[str]:
    status = Status.FromString(trailer(failure, "grpc-status-details-bin"))
    return [detail.type_url.rsplit(".", 1)[1] for detail in status.details]


async def test_an_error_arrives_with_its_reason_fields_facts_and_message(echo: Echo, client: Client) -> None:
    echo.failure = UnknownWord("no word 'x'", fields=[("text", "must be a word")], word="x", known=3)
    failure = await failure_of(client)
    assert (failure.code, failure.reason, failure.message) == ("NOT_FOUND", "UNKNOWN_WORD", "no word 'x'")
    assert failure.fields == (("text", "must be a word"),)
    assert failure.facts["word"] == "x"
    assert failure.facts["known"] == "3"
    assert failure.facts["method"] == f"{SERVICE}/Fail"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
async def test_every_family_keeps_its_code(family: type[TurnoutError], echo: Echo, server: Server) -> None:
    echo.failure = family("so it is")
    failure = await raw_failure(server)
    assert failure.code().name == family.code
    assert failure.details() == "so it is"


async def test_the_text_of_an_unexpected_error_never_leaves(
    echo: Echo, server: Server, log_lines: LogLines
) -> None:
    """The client gets an id; the log has the text and the traceback under that id, but for the password."""
    echo.failure = ValueError("redis://:secret@host")
    failure = await raw_failure(server)
    assert failure.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in repr(failure) + str(failure.trailing_metadata())
    info = ErrorInfo()
    Status.FromString(trailer(failure, "grpc-status-details-bin")).details[0].Unpack(info)
    assert (info.reason, info.domain) == ("INTERNAL", "turnout")
    assert info.metadata["error_id"] in (failure.details() or "")
    line = next(line for line in log_lines() if line.get("error_id") == info.metadata["error_id"])
    assert "ValueError: redis://***@host" in line["exception"]
    assert server.metrics.registry.get_sample_value(
        "turnout_unexpected_errors_total", {"method": f"{SERVICE}/Fail"}
    )


class Broken(random.Random):
    """Chance that fails: no call can be given ids."""

    def getrandbits(self, k: int) -> int:
        raise OSError(f"no {k} bits in /dev/secret")


@pytest.mark.parametrize("method", ["Say", "Count"], ids=["one reply", "a stream of replies"])
async def test_what_breaks_before_there_is_a_call_leaks_nothing_either(
    start: Start, echo: Echo, log_lines: LogLines, method: str
) -> None:
    server = await start(telemetry=Telemetry(rng=Broken()), concurrency=1)
    for count in (1, 2):
        failure = await raw_failure(server, method)
        assert failure.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in repr(failure) + str(failure.trailing_metadata())
        info = ErrorInfo()
        Status.FromString(trailer(failure, "grpc-status-details-bin")).details[0].Unpack(info)
        assert (info.reason, info.domain) == ("INTERNAL", "turnout")
        line = next(line for line in log_lines() if line.get("error_id") == info.metadata["error_id"])
        assert "bits in /dev/secret" in line["exception"]
        # It is counted, and the server's only place is free for the next one.
        read = server.metrics.registry.get_sample_value
        assert read("turnout_rpc_total", {"method": f"{SERVICE}/{method}", "code": "INTERNAL"}) == count
        assert read("turnout_rpc_in_flight", {"method": f"{SERVICE}/{method}"}) == 0
    assert echo.calls == []


async def test_a_failed_call_always_names_its_id(echo: Echo, server: Server) -> None:
    """Also to a client that sent none: it is what the log is searched by."""
    assert trailer(await raw_failure(server), "x-request-id") == echo.calls[0].request_id
    failure = await raw_failure(server, metadata=(("x-request-id", "req-1"),))
    assert trailer(failure, "x-request-id") == "req-1"


async def test_an_escaped_cancellation_is_answered(echo: Echo, server: Server) -> None:
    """A cancelled inner task must not leave the client without a status until its deadline."""
    echo.failure = asyncio.CancelledError()
    assert (await raw_failure(server)).code() is grpc.StatusCode.INTERNAL


async def test_bytes_that_are_no_message_are_the_callers_fault(server: Server) -> None:
    failure = await raw_failure(server, "Say", b"\xff\xff\xff")
    assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "turnout.test.v1.Words" in (failure.details() or "")


async def test_retry_after_becomes_retry_info_and_pushback(echo: Echo, server: Server) -> None:
    echo.failure = ResourceExhausted("full", retry_after=1.5)
    failure = await raw_failure(server)
    assert trailer(failure, "grpc-retry-pushback-ms") == "1500"
    assert details(failure) == ["ErrorInfo", "RetryInfo"]


async def test_each_detail_type_appears_once(echo: Echo, server: Server) -> None:
    """A detail that the call adds joins those of the error, and never doubles one."""
    echo.details = [Help(), BadRequest()]
    echo.failure = InvalidArgument("wrong", fields=[("a", "b")])
    assert details(await raw_failure(server)) == ["ErrorInfo", "BadRequest", "Help"]


async def test_an_error_too_large_for_the_trailers_still_arrives(echo: Echo, server: Server) -> None:
    """Peers refuse metadata from 8 kB on, some of the time: what does not fit is cut, the code arrives."""
    echo.failure = InvalidArgument(
        "é" * 5000,
        fields=[(f"rows[{index}].age", "é" * 500) for index in range(1000)],
    )
    echo.failure.facts = {f"fact{index}": "x" * 1000 for index in range(100)}
    for _ in range(20):
        failure = await raw_failure(server)
        assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert details(failure)[0] == "ErrorInfo"
        assert sum(len(key) + len(value) + 32 for key, value in failure.trailing_metadata()) < 6000


async def test_cut_violations_say_how_many_are_missing(echo: Echo, client: Client) -> None:
    echo.failure = InvalidArgument("wrong", fields=[(f"rows[{index}]", "must be 1") for index in range(1000)])
    failure = await failure_of(client)
    kept = len(failure.fields) - 1
    assert failure.fields[0].field == "rows[0]"
    assert failure.fields[-1].description == f"and {1000 - kept} more"


async def test_unavailable_is_not_repeated_unless_the_server_allows_it(echo: Echo, client: Client) -> None:
    echo.failure = Unavailable("half done")
    assert isinstance(await failure_of(client), RemoteUnavailable)
    assert echo.attempts == 1


async def test_unavailable_with_a_time_to_retry_is_repeated(echo: Echo, client: Client) -> None:
    echo.failure = Unavailable("not yet", retry_after=0.01)
    assert isinstance(await failure_of(client), RemoteUnavailable)
    assert echo.attempts == 4


async def test_a_method_can_opt_out_of_retries(
    echo: Echo, server: Server, connect: Callable[..., Client]
) -> None:
    echo.failure = Unavailable("not yet", retry_after=0.01)
    await failure_of(connect(server, unretried=[f"{SERVICE}/Fail"]))
    assert echo.attempts == 1


async def test_a_dead_server_is_unavailable(client: Client, server: Server) -> None:
    await server.stop()
    failure = await failure_of(client)
    assert isinstance(failure, errors.Unavailable)
    assert (failure.reason, failure.facts["target"]) == ("SERVICE_UNAVAILABLE", server.address)


async def test_a_timeout_is_deadline_exceeded(client: Client, echo: Echo) -> None:
    with pytest.raises(errors.DeadlineExceeded) as caught:
        await client.unary(SERVICE, "Hold")(Words(), timeout=0.05)
    assert isinstance(caught.value, RemoteDeadlineExceeded)
    await asyncio.wait_for(echo.cancelled.wait(), 5)


async def test_a_remote_error_passes_through_a_service_unchanged(echo: Echo, client: Client) -> None:
    """A service that does not handle a failure of the next one hands it on, reason and facts included."""
    echo.failure = RemoteError(
        "no model 'm'", code="NOT_FOUND", reason="MODEL_NOT_FOUND", facts={"model": "m"}
    )
    failure = await failure_of(client)
    assert (failure.code, failure.reason, failure.facts["model"]) == ("NOT_FOUND", "MODEL_NOT_FOUND", "m")


async def test_an_absent_method_says_that_it_is_not_available(client: Client) -> None:
    failure = await failure_of(client, "Absent")
    assert (failure.code, failure.reason) == ("UNIMPLEMENTED", "UNIMPLEMENTED")
    assert failure.message == f"{SERVICE}/Absent is not available in this version"


async def test_an_absent_stream_says_so_too(client: Client) -> None:
    with pytest.raises(RemoteError, match="not available in this version"):
        await anext(client.stream(SERVICE, "AbsentStream")(Words(), timeout=5))


async def test_a_stream_that_fails_keeps_what_was_sent(echo: Echo, client: Client) -> None:
    replies = client.stream(SERVICE, "Count")(Words(count=3, text="fail"), timeout=5)
    assert (await anext(replies)).count == 0
    with pytest.raises(RemoteError, match="no word"):
        await anext(replies)


async def test_log_lines_inside_a_call_carry_its_ids(echo: Echo, server: Server, log_lines: LogLines) -> None:
    """Nothing is bound per call, and still the line of an unexpected error names the request."""
    echo.failure = ValueError("odd")
    await raw_failure(server, metadata=(("x-request-id", "req-1"),))
    line = next(line for line in log_lines() if line["event"] == "unexpected error")
    assert (line["request_id"], line["trace_id"]) == ("req-1", echo.calls[0].trace_id)
    assert line["process"] == "echo"
