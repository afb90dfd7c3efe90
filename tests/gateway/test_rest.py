"""REST as clients meet it: every shape of an annotation, over a real Envoy, by a real curl."""

import asyncio
import json

import aiohttp
import pytest

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.foundation.test_reflection import ask
from tests.gateway.curl import curl
from tests.gateway.desk import CONTRACT, SERVICE, Note
from tests.gateway.opening import Opened


async def test_a_read_has_its_path_and_query_and_the_field_that_is_the_body(gateway: Opened) -> None:
    text = 'brackets ]}, a quote ", a \\ and é'
    reply = await curl(
        "-G", f"{gateway.url}/v1/desks/one", "--data-urlencode", f"text={text}", "-d", "count=7"
    )
    assert reply.code == 200
    who = reply.json.pop("who")
    assert reply.json | {} == {"name": "desks/one", "text": text, "count": 7, "who": who}
    assert int(reply.headers["content-length"]) == len(reply.body)


async def test_a_write_takes_json_whatever_its_type_is_called(gateway: Opened) -> None:
    reply = await curl(f"{gateway.url}/v1/desks/two:write", "-d", '{"text": "hello"}')
    assert (reply.code, reply.json["name"], reply.json["text"]) == (200, "desks/two", "hello")


async def test_an_error_is_a_status_with_its_details_and_http_code(gateway: Opened) -> None:
    wrong = await curl(f"{gateway.url}/v1/desks:fail", "-d", "{}")
    assert (wrong.code, wrong.json["code"], wrong.reason) == (400, 3, "INVALID_ARGUMENT")
    violation = wrong.json["details"][1]["field_violations"][0]
    assert violation == {"field": "text", "description": "something else expected"}
    full = await curl(f"{gateway.url}/v1/desks:fail", "-d", '{"text": "full"}')
    assert (full.code, full.json["code"], full.json["details"][1]["retry_delay"]) == (429, 8, "2s")


@pytest.mark.parametrize(
    ("words", "code", "reason", "said"),
    [
        (["/v1/nowhere"], 404, "NOT_FOUND", "/openapi.json"),
        (["/nowhere"], 404, "NOT_FOUND", "/openapi.json"),
        (["-X", "DELETE", "/v1/desks/one"], 404, "NOT_FOUND", "/openapi.json"),
        (["/v1/desks/one?colour=red"], 400, "INVALID_ARGUMENT", "colour"),
        (["/v1/desks/one?count=many"], 400, "INVALID_ARGUMENT", "many"),
        (["/v1/desks/one:write", "-d", '{"text": '], 400, "INVALID_ARGUMENT", "nexpected end"),
        (["/v1/desks/one:write", "-d", '{"text": {}}'], 400, "INVALID_ARGUMENT", "text"),
        (["/v1/desks/one:write", "-d", '{"colour": 1}'], 400, "INVALID_ARGUMENT", "which has count"),
        (["/v1/desks/one:write", "-d", "{}", "-H", "grpc-timeout: soon"], 400, "INVALID_ARGUMENT", "500m"),
        (["/v1/desks/one", "-H", "grpc-timeout: 123456789m"], 400, "INVALID_ARGUMENT", "eight digits"),
        (["/v1/desks/one:write", "-d", '{"text": "' + "x" * 110_000 + '"}'], 413, "TOO_LARGE", "_bytes"),
    ],
)  # fmt: skip
async def test_what_never_reaches_a_service_is_refused_in_the_same_form(
    gateway: Opened, words: list[str], code: int, reason: str, said: str
) -> None:
    reply = await curl(*[f"{gateway.url}{word}" if word.startswith("/") else word for word in words])
    assert (reply.code, reply.headers["content-type"], reply.reason) == (code, "application/json", reason)
    assert said in reply.json["message"]
    assert reply.headers["x-request-id"]


async def test_a_stream_is_a_line_per_message_or_an_event_for_who_asks(gateway: Opened) -> None:
    where, asked = f"{gateway.url}/v1/desks:tell", '{"count": 3}'
    lines = await curl(where, "-d", asked)
    assert [json.loads(line)["text"] for line in lines.body.splitlines()] == ["0\n", "1\n", "2\n"]
    events = await curl(where, "-d", asked, "-H", "accept: text/event-stream")
    told = events.body.decode().strip().split("\n\n")
    assert [json.loads(event.removeprefix("data: "))["text"] for event in told] == ["0\n", "1\n", "2\n"]


async def test_a_stream_comes_as_it_is_made(gateway: Opened) -> None:
    """The messages are read while their maker still waits for us."""
    async with aiohttp.ClientSession() as session:
        asked = {"count": 2, "text": "hold"}
        async with session.post(f"{gateway.url}/v1/desks:tell", json=asked) as reply:
            first = [json.loads(await reply.content.readline()) for _ in range(2)]
            assert [line["text"] for line in first] == ["0\n", "1\n"]
            holding = {asyncio.ensure_future(desk.holding.wait()) for desk in gateway.desks}
            _, others = await asyncio.wait(holding, return_when=asyncio.FIRST_COMPLETED)
            for other in others:
                other.cancel()
            for desk in gateway.desks:
                desk.release.set()
            assert await reply.content.read() == b""
    for desk in gateway.desks:
        desk.release.clear()


async def test_a_file_is_uploaded_as_it_is(gateway: Opened) -> None:
    """Larger than any request may be, as it is never whole anywhere; its header is in path and query."""
    file = b"id,label\n" + b"1,yes\n" * 500_000
    where = f"{gateway.url}/v1/desks/files:send?header.kind=truth"
    reply = await curl(where, "-H", "content-type: text/csv", "--data-binary", "@-", given=file)
    assert reply.json == {"name": "desks/files", "text": "truth text/csv True", "count": len(file)}


async def test_grpc_and_grpc_web_come_by_the_same_port(gateway: Opened) -> None:
    client = Client(gateway.address, pool=CONTRACT.pool)
    try:
        written = await client.unary(SERVICE, "Write")(Note(text="plain"), timeout=15)
        assert written.text == "plain"
        with pytest.raises(RemoteError) as caught:
            await client.unary(SERVICE, "Fail")(Note(), timeout=15)
        assert (caught.value.reason, caught.value.fields[0].field) == ("INVALID_ARGUMENT", "text")
    finally:
        await client.close()
    # A frame as grpc-web has it: flags, length, message.
    message: bytes = Note(text="web").SerializeToString()
    frame = b"\0" + len(message).to_bytes(4, "big") + message
    reply = await curl(
        f"{gateway.url}/{SERVICE}/Write",
        *("-H", "content-type: application/grpc-web+proto", "-H", "x-grpc-web: 1", "--data-binary", "@-"),
        given=frame,
    )
    size = int.from_bytes(reply.body[1:5], "big")
    assert reply.body[5 : 5 + size].startswith(message)
    assert b"grpc-status:0" in reply.body[5 + size :]


async def test_the_deadline_of_a_caller_is_kept_and_its_headers_arrive(gateway: Opened) -> None:
    sent = ["-H", "grpc-timeout: 5S", "-H", "authorization: Bearer tk_x", "-H", "x-request-id: mine"]
    internal = ["-H", "x-turnout-service: stolen", "-H", "x-turnout-on-behalf-of: ann"]
    reply = await curl(f"{gateway.url}/v1/desks/head:write", "-d", "{}", *sent, *internal)
    call = next(desk for desk in gateway.desks if desk.name == reply.json["who"]).calls[-1]
    assert (call.header("authorization"), call.request_id) == ("Bearer tk_x", "mine")
    assert reply.headers["x-request-id"] == "mine"
    assert not call.imposed
    assert call.header("x-turnout-service") is call.header("x-turnout-on-behalf-of") is None
    late = await curl(f"{gateway.url}/v1/desks:hold", "-d", "{}", "-H", "grpc-timeout: 50m")
    assert (late.code, late.json["code"]) == (504, 4)


async def test_reflection_tells_of_every_service_of_the_contract(gateway: Opened) -> None:
    assert gateway.door.described == sorted(CONTRACT.clusters) == [SERVICE]
    for version in ("v1", "v1alpha"):
        listed = await ask(gateway.address, version, list_services="")
        names = {service.name for service in listed.list_services_response.service}
        assert SERVICE in names
        # A client that lists looks up what it was told of.
        for name in names:
            found = await ask(gateway.address, version, file_containing_symbol=name)
            assert found.file_descriptor_response.file_descriptor_proto, name
        told = await ask(gateway.address, version, file_containing_symbol=SERVICE)
        assert told.file_descriptor_response.file_descriptor_proto
