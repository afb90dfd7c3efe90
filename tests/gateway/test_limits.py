"""What a gateway refuses by itself: too often, without a valid token, from a page that may not call."""

from pathlib import Path
from typing import Any

import pytest

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.foundation.identity.issuing import AUDIENCE, ISSUER, Jwks, Key, serving
from tests.gateway.curl import curl
from tests.gateway.desk import CONTRACT, SERVICE, Note
from tests.gateway.opening import opened

PAGE = "https://console.example.com"


async def test_more_than_the_rate_is_told_when_to_come_again(tmp_path: Path) -> None:
    """A bucket of one, filled after a hundred seconds: the second is too many, however slow we are."""
    async with opened(tmp_path, requests_per_second_per_client=0.01) as gateway:
        assert (await curl(f"{gateway.url}/v1/desks/one")).code == 200
        reply = await curl(f"{gateway.url}/v1/desks/one")
        assert (reply.code, reply.reason, reply.headers["retry-after"]) == (429, "TOO_MANY_REQUESTS", "1")
        assert reply.json["details"][1]["retry_delay"] == "1s"
        client = Client(gateway.address, pool=CONTRACT.pool, unretried=[f"{SERVICE}/Write"])
        with pytest.raises(RemoteError) as caught:
            await client.unary(SERVICE, "Write")(Note(), timeout=15)
        assert caught.value.code == "RESOURCE_EXHAUSTED"
        await client.close()
        assert (await curl(f"{gateway.url}/healthz")).code == 200


async def test_a_page_may_call_from_where_the_settings_say(tmp_path: Path) -> None:
    async with opened(tmp_path, cors_origins=[PAGE]) as gateway:
        where = f"{gateway.url}/v1/desks/one:write"
        before = await curl(
            where, "-X", "OPTIONS", "-H", f"origin: {PAGE}", "-H", "access-control-request-method: POST"
        )
        assert (before.code, before.headers["access-control-allow-origin"]) == (200, PAGE)
        assert "authorization" in before.headers["access-control-allow-headers"]
        for body in ("{}", "{no json"):
            reply = await curl(where, "-d", body, "-H", f"origin: {PAGE}")
            assert reply.headers["access-control-allow-origin"] == PAGE
        other = await curl(where, "-d", "{}", "-H", "origin: https://elsewhere.example.com")
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("source", ["url", "file"])
async def test_a_token_that_the_key_set_does_not_know_stops_at_the_gateway(
    tmp_path: Path, source: str
) -> None:
    key, stranger = Key("ours"), Key("theirs")
    with serving(Jwks(key)) as jwks:
        file = tmp_path / "keys.json"
        file.write_bytes(jwks.document())
        keys = {"url": jwks.url, "file": str(file)}[source]
        told: dict[str, Any] = {"jwt_keys": keys, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
        async with opened(tmp_path, jwt_at_gateway=True, **told) as gateway:
            where, token = f"{gateway.url}/v1/desks/one", key.token()
            assert (await curl(where)).code == 200
            assert (await curl(where, "-H", "authorization: Bearer tk_some.key")).code == 200
            assert (await curl(where, "-H", f"authorization: Bearer {token}")).code == 200
            # The service verifies it again: it must have arrived.
            assert gateway.desks[0].calls[-1].header("authorization") == f"Bearer {token}"
            refused = await curl(where, "-H", f"authorization: Bearer {stranger.token()}")
            assert (refused.code, refused.json["code"], refused.reason) == (401, 16, "UNAUTHENTICATED")
