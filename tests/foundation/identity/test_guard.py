"""Where access is enforced: who is let in to which method, over a real channel."""

import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from services.foundation.access import Access, WrongAccessError
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.identity.authenticator import Authenticator
from services.foundation.identity.key_set import KeySet
from services.foundation.identity.tokens import Expected, TokenVerifier
from services.foundation.rules import Role, Rule, rules_of
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.conftest import LogLines
from tests.foundation.echo import POOL, SERVICE, Words
from tests.foundation.identity import guarding
from tests.foundation.identity.guarding import BOOTSTRAP, TOKEN, Guarded, Ring
from tests.foundation.identity.issuing import AUDIENCE, ISSUER, Jwks, Key, serving

Headers = list[tuple[str, str]]

NEXT_TOKEN = "another service token, for when that one is changed"  # noqa: S105


@dataclass
class House:
    """A guarded server and its client."""

    server: Server
    client: Client
    ring: Ring
    echo: Guarded
    words: guarding.Words
    issuer: Key

    async def say(self, *headers: tuple[str, str], method: str = "Say", text: str = "word") -> Any:
        request = Words(text=text).SerializeToString() if method == "Raw" else Words(text=text)
        ask = self.client.unary(SERVICE, method, raw=method == "Raw")
        return await ask(request, timeout=10, metadata=headers)

    async def refused(self, *headers: tuple[str, str], **how: Any) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            await self.say(*headers, **how)
        return caught.value

    def caller(self) -> Any:
        return self.echo.calls[-1].caller


def bearer(credential: str) -> tuple[str, str]:
    return "authorization", f"Bearer {credential}"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    ring, words, echo, issuer = Ring(), guarding.Words(), Guarded(), Key("issuer")
    settings = Settings(access_mode="enforced", access_service_token=TOKEN)
    with serving(Jwks(issuer)) as jwks:
        keys = KeySet(jwks.url, rng=random.Random(1), clock=time.monotonic)
        authenticator = Authenticator(
            ring,
            TokenVerifier(keys, Expected(("ES256",), ISSUER, AUDIENCE)),
            service_tokens=[TOKEN, NEXT_TOKEN],
            bootstrap_key=BOOTSTRAP,
        )
        server = Server(
            [echo], settings, pool=POOL, access=Access(authenticator, words), rng=random.Random(7)
        )
        await server.start()
        client = Client(server.address, pool=POOL)
        yield House(server, client, ring, echo, words, issuer)
        await client.close()
        await server.stop()


async def test_a_key_names_its_user_in_either_header(house: House) -> None:
    key = house.ring.give("ann")
    for header in (bearer(key), ("authorization", f"bearer  {key} "), ("x-api-key", key)):
        await house.say(header)
        assert house.caller()[:1] + house.caller()[2:4] == ("ann", "api_key", False)


async def test_a_token_names_its_user(house: House) -> None:
    await house.say(bearer(house.issuer.token("ann")))
    assert house.caller().method == "jwt"


@pytest.mark.parametrize("method", ["Say", "Raw", "Hold", "Absent", "AbsentStream", "Count", "Join", "Chat"])
async def test_without_credentials_only_what_is_for_anyone(house: House, method: str) -> None:
    assert (await called(house, method)).reason == "UNAUTHENTICATED"
    assert not house.words.asked
    assert not house.echo.calls


async def called(house: House, method: str, *headers: tuple[str, str]) -> RemoteError:
    """The failure of a method of whatever shape."""
    request: Any = Words(text="word", count=1)

    shapes: dict[str, Callable[[], Any]] = {
        "Join": lambda: house.client.upload(SERVICE, method)([], timeout=10, metadata=headers),
        "Count": lambda: house.client.stream(SERVICE, method)(request, timeout=10, metadata=headers),
        "AbsentStream": lambda: house.client.stream(SERVICE, method)(request, timeout=10, metadata=headers),
        "Chat": lambda: house.client.exchange(SERVICE, method)([], timeout=10, metadata=headers),
    }
    made = shapes[method]() if method in shapes else house.say(*headers, method=method)
    with pytest.raises(RemoteError) as caught:
        await (made if isawaitable(made) else anext(made))
    return caught.value


async def test_by_way_of_a_gateway_no_certificate_is_offered(house: House) -> None:
    assert "or a client certificate" in (await house.refused()).message
    through = await house.refused(("x-turnout-through", "gateway"))
    assert "the gateway passes no certificate on" in through.message
    assert "or a client certificate" not in through.message


async def test_anyone_reaches_what_is_for_anyone(house: House) -> None:
    assert (await house.refused(method="Fail")).reason == "UNKNOWN_WORD"
    assert house.caller().name == ""
    assert not house.caller().admin


async def test_wrong_credentials_are_refused_even_there(house: House) -> None:
    assert (await house.refused(("x-api-key", "tk_wrong"), method="Fail")).reason == "UNAUTHENTICATED"


@pytest.mark.parametrize("method", ["Say", "Raw", "Absent", "AbsentStream", "Count"])
async def test_a_resource_is_asked_about_whatever_the_method(house: House, method: str) -> None:
    """Also one that is not there: it must not tell what its caller may not know."""
    stranger, reader = house.ring.give("eve"), house.ring.give("bob")
    assert (await called(house, method, bearer(stranger))).code == "NOT_FOUND"
    assert (await called(house, method, bearer(reader))).code == "PERMISSION_DENIED"
    assert house.words.asked == ["word", "word"]


async def test_the_right_caller_reaches_what_is_there(house: House) -> None:
    ann = bearer(house.ring.give("ann"))
    assert (await house.say(ann, text="slow")).text == "slow"
    assert await house.say(ann, method="Raw")
    assert (await called(house, "Absent", ann)).code == "UNIMPLEMENTED"
    assert (await called(house, "AbsentStream", ann)).code == "UNIMPLEMENTED"
    counted = house.client.stream(SERVICE, "Count")(Words(count=2), timeout=10, metadata=[ann])
    assert [reply.count async for reply in counted] == [0, 1]


async def test_only_administrators_reach_what_is_for_them_and_need_no_permission(house: House) -> None:
    assert (await called(house, "Hold", bearer(house.ring.give("ann")))).facts["needed"] == "admin"
    house.echo.release.set()
    for admin in (bearer(house.ring.give("root", admin=True)), bearer(BOOTSTRAP)):
        await house.say(admin, method="Hold")
        await house.say(admin)
    assert house.words.asked == []


async def test_bytes_are_not_parsed_before_it_is_known_who_sends_them(house: House) -> None:
    send = house.client.unary(SERVICE, "Say", raw=True)
    for headers, reason in (([], "UNAUTHENTICATED"), ([bearer(house.ring.give("ann"))], "INVALID_ARGUMENT")):
        with pytest.raises(RemoteError) as caught:
            await send(b"\xff\xff", timeout=10, metadata=headers)
        assert caught.value.reason == reason
        assert ("one of its texts is no UTF-8" in caught.value.message) is (reason == "INVALID_ARGUMENT")


async def test_a_raw_method_is_asked_about_too(house: House) -> None:
    send = house.client.unary(SERVICE, "Raw", raw=True)
    with pytest.raises(RemoteError) as caught:
        await send(b"\xff\xff", timeout=10, metadata=[bearer(house.ring.give("ann"))])
    assert caught.value.reason == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"), "unknown_key"),
        (lambda key: key.upper(), "unknown_key"),
        (lambda key: key + "0", "unknown_key"),
        (lambda key: key[:20], "unknown_key"),
        (lambda key: "tk_" + "0" * 16 + key[19:], "unknown_key"),
        (lambda _key: "x" * 7000, "unknown_key"),
    ],
)
async def test_what_is_nearly_a_key_is_none(house: House, spoil: Callable[[str], str], why: str) -> None:
    error = await house.refused(bearer(spoil(house.ring.give("ann"))))
    assert (error.code, error.facts) == ("UNAUTHENTICATED", error.facts | {"why": why})


async def test_a_revoked_key_and_a_wrong_secret_are_told_apart_by_nobody(house: House) -> None:
    key = house.ring.give("ann")
    wrong = await house.refused(bearer(key[:-4] + "beef"))
    house.ring.entries.clear()
    revoked = await house.refused(bearer(key))
    assert (wrong.message, wrong.reason) == (revoked.message, revoked.reason)


async def test_an_expired_key_is_refused(house: House) -> None:
    assert (await house.refused(bearer(house.ring.give("ann", expires=1.0)))).facts["why"] == "expired"


async def test_before_the_keys_are_loaded_a_caller_is_told_to_come_again(house: House) -> None:
    house.ring.loaded = False
    error = await house.refused(bearer("tk_" + "0" * 16 + "_" + "0" * 64))
    assert error.code == "UNAVAILABLE"
    assert error.retry_after


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer")],
        [("authorization", "Bearer  ")],
        [("authorization", "Basic YTpi")],
        [("authorization", "")],
        [("x-api-key", "")],
        [("x-api-key", "one"), ("authorization", "Bearer two")],
        [("x-api-key", "one"), ("x-api-key", "two")],
        [("x-turnout-service", "wrong")],
        [("x-turnout-service", TOKEN), ("x-api-key", "one")],
    ],
    ids=str,
)
async def test_what_cannot_be_understood_is_refused(house: House, headers: Headers) -> None:
    assert (await house.refused(*headers)).reason == "UNAUTHENTICATED"


async def test_the_suite_bears_the_name_of_whom_it_works_for(house: House) -> None:
    await house.say(("x-turnout-service", TOKEN), ("x-turnout-on-behalf-of", "J%C3%BCrg"))
    assert house.caller()[:1] + house.caller()[2:4] == ("Jürg", "service", True)


async def test_nobody_else_may_speak_for_others(house: House) -> None:
    """The header alone is worth nothing, and beside a user's own credentials it is not heard."""
    assert (await house.refused(("x-turnout-on-behalf-of", "ann"))).reason == "UNAUTHENTICATED"
    error = await house.refused(bearer(house.ring.give("eve")), ("x-turnout-on-behalf-of", "ann"))
    assert error.code == "NOT_FOUND"


@pytest.mark.parametrize("token", [TOKEN, NEXT_TOKEN], ids=["the token", "the one that follows it"])
async def test_a_process_of_the_suite_passes_the_caller_on(house: House, token: str) -> None:
    await house.say(bearer(house.ring.give("ann")))
    fellow = Client(house.server.address, pool=POOL, service_token=token)
    await fellow.unary(SERVICE, "Say")(Words(text="word"), timeout=10, call=house.echo.calls[-1])
    await fellow.close()
    assert house.caller()[:1] + house.caller()[2:4] == ("ann", "service", True)


async def test_no_credential_reaches_a_log_or_a_reply(house: House, log_lines: LogLines) -> None:
    key, token = house.ring.give("ann"), house.issuer.token("ann")
    secrets = [key, key[-64:], token, token.rpartition(".")[2], TOKEN, BOOTSTRAP]
    house.echo.failure = RuntimeError("a surprise")
    said = [str(vars(await house.refused(bearer(each), method="Fail"))) for each in (key, token, BOOTSTRAP)]
    said += [str(vars(await house.refused(bearer(each[:-8] + "A" * 8)))) for each in (key, token, BOOTSTRAP)]
    said.append(str(vars(await house.refused(("x-turnout-service", TOKEN[:-1])))))
    lines = log_lines()
    assert lines
    for secret in secrets:
        for text in (*said, str(lines)):
            assert secret[:-1] not in text


async def test_reflection_is_for_those_who_say_who_they_are(house: House) -> None:
    name = "grpc.reflection.v1alpha.ServerReflection"
    request = reflection_pb2.ServerReflectionRequest(list_services="")

    async def ask(*headers: tuple[str, str], requests: tuple[Any, ...] = ()) -> list[Any]:
        client = Client(house.server.address)
        try:
            replies = client.exchange(name, "ServerReflectionInfo")(
                iter([request]), timeout=10, metadata=headers
            )
            return [reply async for reply in replies]
        finally:
            await client.close()

    with pytest.raises(RemoteError) as caught:
        await ask()
    assert caught.value.code == "UNAUTHENTICATED"
    assert SERVICE in str(await ask(bearer(house.ring.give("eve")), requests=(request,)))


async def test_health_is_for_everybody(house: House) -> None:
    client = Client(house.server.address)
    check = client.unary("grpc.health.v1.Health", "Check")
    assert (await check(health_pb2.HealthCheckRequest(), timeout=10)).status
    await client.close()


async def test_a_server_that_has_nothing_to_enforce_by_does_not_start() -> None:
    with pytest.raises(WrongAccessError, match="nothing to enforce it by"):
        Server([Guarded()], Settings(access_mode="enforced", access_service_token=TOKEN), pool=POOL)


def test_a_method_without_a_rule_is_for_administrators() -> None:
    assert set(rules_of(SERVICE, pool=POOL).values()) == {Rule(Role.UNSPECIFIED)}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(Role.VIEWER), "needs a resource"),
        (Rule(Role.CALLER, "text"), "needs a resource"),
        (Rule(Role.VIEWER, "nothing"), "no field nothing"),
        (Rule(Role.VIEWER, "text.deeper"), "no field text.deeper"),
    ],
    ids=str,
)
def test_a_rule_that_makes_no_sense_is_refused_at_start(rule: Rule, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rules_of(SERVICE, {"Say": rule}, POOL)


def test_a_stream_of_requests_names_no_single_resource() -> None:
    with pytest.raises(ValueError, match="say CALLER"):
        rules_of(SERVICE, {"Join": Rule(Role.VIEWER, "text")}, POOL)
